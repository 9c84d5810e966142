import { startTestPostgres } from '../testing/test-postgres.ts';
import { describeFaults } from './testing/describe-faults.ts';

describeFaults('PostgreSQL', startTestPostgres);
