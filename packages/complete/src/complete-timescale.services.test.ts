import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import type { TestServer } from '@millrace/store/testing';
import { startTestTimescale } from '@millrace/store/timescale/testing';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { describeCompleted } from './testing/describe-completed.ts';

const timescale: ProvidedService = inject('timescale');
if ('missing' in timescale) reportMissing(timescale.missing);

describe.skipIf('missing' in timescale)('with hypertables', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestTimescale((timescale as { url: string }).url);
  });
  afterAll(() => server.stop());

  describeCompleted(() => server);
});
