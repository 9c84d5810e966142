import { startTestPostgres } from '../../testing/test-postgres.ts';
import { describeFunctions } from '../testing/describe-functions.ts';

describeFunctions('PostgreSQL', startTestPostgres);
