import { setImmediate } from 'node:timers/promises';
import { ADDRESS_ZERO } from '@millrace/model';
import type { Clock } from '@millrace/runtime';
import { openMemoryStream } from '@millrace/stream/memory';
import type { SealedRecord } from '@millrace/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cursors } from './cursors.ts';
import { ReadAhead } from './read-ahead.ts';
import { writerSettings } from './settings.ts';
import { recordsOf, TEST_LOG_ID } from './testing/entry-sequence.ts';
import { until } from './testing/expectations.ts';
import { WriterBench } from './testing/writer-bench.ts';

const LINGER_MS = 1000;
const MARK = { logId: TEST_LOG_ID, logNumber: 1, mark: ADDRESS_ZERO };
/** An offset for each. */
const RECORDS = recordsOf({ position: 6 });

let bench: WriterBench;
beforeEach(() => {
  bench = new WriterBench();
});
afterEach(() => bench.stop());

/**
 * Where a batch ends of which one record is there when it is asked for, and another one comes in
 * the middle of each wait; and for how long it waited.
 */
async function taken(
  params: Readonly<{ ageMs: number; cheaperFrom: number; backlogLingerMs?: number }>,
): Promise<{ to: number; waitedMs: number }> {
  const { ageMs, cheaperFrom, backlogLingerMs = 3_600_000 } = params;
  const rest = [...RECORDS];
  const append = (record: SealedRecord | undefined) =>
    bench.append(record === undefined ? [] : [record]);
  await append(rest.shift());
  let nowUs = ageMs * 1000;
  const startUs = nowUs;
  const clock: Clock = {
    nowUs: () => nowUs,
    sleep: async (ms) => {
      nowUs += (ms / 2) * 1000;
      await append(rest.shift());
      await until(() => expect(ahead.end).toBe(RECORDS.length - rest.length));
      // By then it is collected as well.
      await setImmediate();
      nowUs += (ms / 2) * 1000;
    },
  };
  const bounds = { lingerEntriesPerSecondMin: 0.001, lingerMs: LINGER_MS, backlogLingerMs };
  const ahead = new ReadAhead({
    stream: openMemoryStream(bench.log),
    clock,
    partition: 0,
    position: 0,
    cursors: new Cursors(0, new Map([['live', MARK]])),
    settings: writerSettings({ ...bounds, readWaitMs: 20, backlogAgeMs: 60_000 }),
    partitionsOwned: () => 1,
  });
  ahead.collect(cheaperFrom);
  const fetched = await ahead.take(new AbortController().signal);
  await ahead.close();
  if (!('batch' in fetched)) throw new Error('there is a gap');
  return { to: fetched.batch.to.offset, waitedMs: (nowUs - startUs) / 1000 };
}

const OLD = { ageMs: 3_600_000, cheaperFrom: 2_000_000 };

describe('a batch that costs less with more in it', () => {
  it('waits while old samples come without a pause', async () => {
    const { to, waitedMs } = await taken(OLD);
    expect(to).toBe(RECORDS.length);
    expect(waitedMs).toBeGreaterThan(LINGER_MS);
  });

  it('of old samples waits no longer than it may', async () => {
    const { to, waitedMs } = await taken({ ...OLD, backlogLingerMs: 1200 });
    expect(to).toBeLessThan(RECORDS.length);
    expect(waitedMs).toBeLessThanOrEqual(1200);
  });

  it('of new samples waits as any other does', async () => {
    expect(await taken({ ...OLD, ageMs: 59_000 })).toEqual({ to: 2, waitedMs: LINGER_MS });
  });
});

it('a batch of old samples that costs no less waits as any other does', async () => {
  expect(await taken({ ...OLD, cheaperFrom: 0 })).toEqual({ to: 2, waitedMs: LINGER_MS });
});
