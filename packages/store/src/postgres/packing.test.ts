import { startTestPostgres } from '../testing/test-postgres.ts';
import { describePacking } from './testing/describe-packing.ts';

describePacking('native partitions', startTestPostgres);
