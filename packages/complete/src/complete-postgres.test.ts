import { startTestPostgres, type TestPostgres } from '@millrace/store/testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeCompleted } from './testing/describe-completed.ts';

describe('with native partitions', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  describeCompleted(() => postgres);
});
