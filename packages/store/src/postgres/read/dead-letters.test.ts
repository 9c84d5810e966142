import { startTestPostgres } from '../../testing/test-postgres.ts';
import { describeLetters } from '../testing/describe-letters.ts';

describeLetters('PostgreSQL', startTestPostgres);
