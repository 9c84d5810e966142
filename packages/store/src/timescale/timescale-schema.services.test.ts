import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { describe, inject } from 'vitest';
import { describeFaults } from '../postgres/testing/describe-faults.ts';
import { describeFunctions } from '../postgres/testing/describe-functions.ts';
import { describeLetters } from '../postgres/testing/describe-letters.ts';
import { describePacking } from '../postgres/testing/describe-packing.ts';
import { describePromotions } from '../postgres/testing/describe-promotions.ts';
import { describeRepairs } from '../postgres/testing/describe-repairs.ts';
import { describeViews } from '../postgres/testing/describe-views.ts';
import { startTestTimescale } from './testing/test-timescale.ts';
import { createTimescaleStoreRepairer } from './timescale-store-repairer.ts';

const timescale: ProvidedService = inject('timescale');
if ('missing' in timescale) reportMissing(timescale.missing);

/** What PostgreSQL alone is held to as well, there in suites of their own. */
describe.skipIf('missing' in timescale)('the schema with hypertables', () => {
  const start = () => startTestTimescale((timescale as { url: string }).url);

  describePromotions('TimescaleDB', start);
  describeViews('TimescaleDB', start);
  describeFunctions('TimescaleDB', start);
  describeFaults('TimescaleDB', start);
  describePacking('TimescaleDB', start);
  describeLetters('TimescaleDB', start);
  describeRepairs('TimescaleDB', start, createTimescaleStoreRepairer);
});
