import { startTestPostgres } from '../../testing/test-postgres.ts';
import { describeExpiry } from '../testing/describe-expiry.ts';

describeExpiry('PostgreSQL', startTestPostgres);
