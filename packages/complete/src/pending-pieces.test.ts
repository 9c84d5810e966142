import { SampleKind } from '@millrace/model';
import {
  createMemoryCompletionStore,
  createMemoryStore,
  MemoryStoreDatabase,
} from '@millrace/store/memory';
import { dataRecord, logStart, type LoggedRecord } from '@millrace/transformer/testing';
import { EventsRecordKind } from '@millrace/wire';
import { expect, test } from 'vitest';
import { complete, writeControl } from './testing/completed-log.ts';
import { LiveLog } from './testing/live-log.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** Where windows of all widths begin. */
const T0 = 1_699_999_200 * SECOND;
const NOW = T0 + 40 * MINUTE;

/** Samples of a counter, seconds after T0, that come at once. */
function record(
  nowUs: number,
  sequence: number,
  samples: [atS: number, value: number][],
): LoggedRecord {
  const labels = { __name__: 'm', instance: 'x' };
  const kind = SampleKind.cumulative;
  const all = samples.map(([atS, value]) => ({ labels, kind, timeUs: T0 + atS * SECOND, value }));
  return {
    record: dataRecord({ samples: all, receivedAtUs: nowUs, sequence }),
    appendTimeUs: nowUs,
  };
}

function tick(nowUs: number): LoggedRecord {
  return { record: { kind: EventsRecordKind.tick, receivedAtUs: nowUs }, appendTimeUs: nowUs };
}

const steps = (fromS: number, toS: number): [number, number][] =>
  Array.from({ length: (toS - fromS) / 10 }, (_, i) => [fromS + 10 * i, fromS + 10 * i]);

/** Increases of the windows of five minutes that were computed again, by their start. */
const increases = ({
  complete: rows,
}: MemoryStoreDatabase): [startS: number, increase: number | undefined][] =>
  [...rows.values()]
    .filter(({ widthUs }) => widthUs === 5 * MINUTE)
    .map(({ startUs, increase }): [number, number | undefined] => [
      (startUs - T0) / SECOND,
      increase,
    ])
    .sort(([a], [b]) => a - b);

test('a window waits for the late one in which its counter goes on', async () => {
  const database = new MemoryStoreDatabase();
  const live = new LiveLog(createMemoryStore(database), { partitions: 1 });
  const start = logStart().map((one) => ({ ...one, appendTimeUs: NOW }));
  writeControl(live.log, start);
  const store = createMemoryCompletionStore(database);
  const run = async () => await complete({ log: live.log, store });
  const at = (seconds: number): number => NOW + seconds * SECOND;

  await live.append(0, [...start, record(at(0), 1, steps(0, 200)), tick(at(12))]);
  await live.append(0, [record(at(14), 2, steps(310, 580))]);
  // In a gap: what it adds to the first window it takes from the second.
  await live.append(0, [record(at(15), 3, [[250, 250]])]);
  await live.append(0, [record(at(20), 4, steps(580, 600)), tick(at(26)), tick(at(27))]);
  // The first one shows as marked, and of the second one nothing has come to the store.
  expect(await run()).toMatchObject({ marked: 1, completed: 0, notOver: 1 });
  expect(increases(database)).toEqual([]);
  await live.append(0, [tick(at(31)), tick(at(32))]);
  expect(await run()).toMatchObject({ marked: 1, completed: 1, notOver: 0 });
  expect(increases(database)).toEqual([
    [0, 250],
    [300, 340],
  ]);
  expect(await run()).toMatchObject({ marked: 0 });
});
