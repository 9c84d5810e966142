import { startTestPostgres } from '../../testing/test-postgres.ts';
import { createPostgresStoreRepairer } from './postgres-store-repairer.ts';
import { describeRepairs } from '../testing/describe-repairs.ts';

describeRepairs('native partitions', startTestPostgres, createPostgresStoreRepairer);
