import { startTestPostgres } from '../../testing/test-postgres.ts';
import { describeRetention } from '../testing/describe-retention.ts';

describeRetention('PostgreSQL', startTestPostgres);
