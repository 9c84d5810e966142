import { startTestPostgres } from '../../testing/test-postgres.ts';
import { describeServed } from '../testing/describe-served.ts';

describeServed('PostgreSQL', startTestPostgres);
