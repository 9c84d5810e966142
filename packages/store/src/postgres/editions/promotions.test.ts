import { startTestPostgres } from '../../testing/test-postgres.ts';
import { describePromotions } from '../testing/describe-promotions.ts';

describePromotions('PostgreSQL', startTestPostgres);
