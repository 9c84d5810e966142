import { systemClock } from '@millrace/runtime';
import { TOPIC_SERIES } from '@millrace/stream';
import type { EventsRecord } from '@millrace/wire';
import { expect, it, vi } from 'vitest';
import { dataRecord } from './testing/data-record.ts';
import { logStart } from './testing/fold-run.ts';
import { StageBench } from './testing/stage-bench.ts';

const T0 = 1_700_000_000_000_000;
const RECORDS = 100;

const sample = (sequence: number): EventsRecord =>
  dataRecord({
    samples: [{ labels: { __name__: 'm0', job: 'a' }, timeUs: T0 + sequence, value: sequence }],
    receivedAtUs: T0,
    sequence,
  });

it('gathers records that come one after the other, and folds them together', async () => {
  const bench = new StageBench();
  for (const { record } of logStart()) bench.append(record);
  const settings = { gatherMs: 100, pollBytesMax: 100_000, recordBytesMax: 100_000 };
  const transformer = bench.start({ ...settings, commitMs: 60_000, tickMs: 60_000 });
  const running = transformer.run();
  const published = (): number => bench.log.partition(TOPIC_SERIES, 0).bounds.end;
  await vi.waitFor(() => expect(published()).toBe(1), { timeout: 20_000, interval: 2 });
  const startUs = systemClock.nowUs();
  for (let i = 1; i <= RECORDS; i += 1) {
    bench.append(sample(i));
    await systemClock.sleep(1);
  }
  const rounds = 2 + (systemClock.nowUs() - startUs) / 1000 / settings.gatherMs;
  const { position } = await vi.waitFor(
    () => {
      const status = transformer.status().partitions[0]!;
      expect(status.position).toBe(2 + RECORDS);
      return status;
    },
    { timeout: 20_000, interval: 2 },
  );
  await transformer.stop();
  await running;
  expect(published()).toBeLessThanOrEqual(1 + rounds);
  expect(bench.published()).toEqual(bench.expected(position!));
});
