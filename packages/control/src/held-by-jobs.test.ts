import { systemClock as clock } from '@millrace/runtime';
import { parseRules } from '@millrace/rules';
import { openMemoryStatePlaces } from '@millrace/state/memory';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { expect, it } from 'vitest';
import { beginCandidate, dropCandidate } from './candidates.ts';
import { heldByJobs, JOB_OVER_POSITION } from './held-by-jobs.ts';
import { openControl } from './open-control.ts';
import { HistoryReader } from './read-history.ts';

const LOG = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';

it('holds events back to what the slowest job has committed, until it is over', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  const source = 'rules: [{name: a, match: m, widths: [10s], aggregates: [sum]}]';
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error('the rules of the test are wrong');
  const wanted = { rules: parsed.compiled, source };
  await openControl(
    { stream, clock },
    { ...wanted, settings: DEFAULT_FOLD_SETTINGS, foldVersion: 2 },
  );
  const places = openMemoryStatePlaces();
  const parts = { history: new HistoryReader(stream), places };
  const held = async (logId = LOG) => [
    await heldByJobs(parts, 0, logId),
    await heldByJobs(parts, 1, logId),
  ];
  const commit = async (place: number, partition: number, position: number): Promise<void> => {
    const store = await places.at(place);
    const before = await store.readPosition(partition);
    const next = { logId: LOG, position };
    await store.commit({ partition, expected: before, next, pages: new Map() });
  };
  expect(await held()).toEqual([Infinity, Infinity]);
  const begin = async (): Promise<number> =>
    (await beginCandidate({ stream, clock }, { ...wanted, sinceUs: 1 })).candidate!.number;
  const [a, b] = [await begin(), await begin()];
  expect(await held()).toEqual([0, 0]);
  await commit(a, 0, 17);
  await commit(b, 0, 9);
  await commit(a, 1, JOB_OVER_POSITION);
  expect(await held()).toEqual([9, 0]);
  await commit(b, 0, JOB_OVER_POSITION);
  expect(await held()).toEqual([17, 0]);
  expect(await held('another')).toEqual([0, 0]);
  await dropCandidate({ stream, clock }, b);
  expect(await held()).toEqual([17, Infinity]);
});
