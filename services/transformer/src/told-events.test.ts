import { recordDigest } from '@millrace/checkpoint';
import { TOPIC_EVENTS, TOPIC_SERIES, type Topic } from '@millrace/stream';
import { decodeSeriesRecordHeader, lastFolded } from '@millrace/wire';
import { expect, it, vi } from 'vitest';
import { StageBench } from './testing/stage-bench.ts';
import { variedLog } from './testing/varied-log.ts';

it('each record tells the event behind it, wherever that is cut', async () => {
  const bench = new StageBench();
  for (const { record } of variedLog(4, { records: 60 })) bench.append(record);
  for (const recordBytesMax of [400, 3000]) {
    const transformer = bench.start({ recordBytesMax, pollBytesMax: 2000 });
    const running = transformer.run();
    for (const { record } of variedLog(6, { records: 30 }).slice(1)) bench.append(record);
    // Ticks go on.
    const end = bench.end();
    await vi.waitFor(() => expect(bench.committed()).toBeGreaterThanOrEqual(end), 20_000);
    await transformer.stop();
    await running;
  }
  const payloads = (topic: Topic): Uint8Array[] =>
    bench.log
      .partition(topic, 0)
      .read(0, Infinity)
      .map(({ payload }) => payload);
  const digests = payloads(TOPIC_EVENTS).map(recordDigest);
  const told = payloads(TOPIC_SERIES).map((payload) => decodeSeriesRecordHeader(payload));
  expect(new Set(told.map(({ to }) => to.ordinal > 0))).toEqual(new Set([true, false]));
  for (const { to, folded } of told) {
    const offset = lastFolded(to);
    expect(folded).toEqual({ offset, digest: digests[offset] });
  }
});
