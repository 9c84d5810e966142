import { startTestPostgres } from '../../testing/test-postgres.ts';
import { describeViews } from '../testing/describe-views.ts';

describeViews('PostgreSQL', startTestPostgres);
