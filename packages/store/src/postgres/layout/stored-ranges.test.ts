import { systemClock } from '@millrace/runtime';
import { expect, it } from 'vitest';
import type { Session } from '../connection/session.ts';
import type { StorageLayout, StoredRange } from './storage-layout.ts';
import { createStoredRanges } from './stored-ranges.ts';

/** A database in a few arrays: what is asked of it is all that matters here. */
function layoutOf(params: { makes: boolean; automatic?: [number, number] }) {
  const ranges: StoredRange[] = [];
  const asked: number[] = [];
  let reads = 0;
  const layout: StorageLayout = {
    name: 'partitions',
    guard: undefined,
    isPacking: true,
    backlogCopySetting: undefined,
    copiesWindows: true,
    homeOf: (table, widthUs) => `${table} ${widthUs}`,
    automaticRange: () =>
      params.automatic && { fromUs: params.automatic[0], untilUs: params.automatic[1] },
    readRanges: async () => {
      reads += 1;
      return [...ranges];
    },
    createRange: async (_session, { table, widthUs, timeUs }) => {
      asked.push(timeUs);
      const span = {
        fromUs: Math.floor(timeUs / 10) * 10,
        untilUs: Math.floor(timeUs / 10) * 10 + 10,
      };
      const kind = { table: 'samples', widthUs: undefined } as const;
      const more = { ...kind, timeColumn: 'time', columnsOf: undefined } as const;
      if (params.makes) ranges.push({ name: '', home: `${table} ${widthUs}`, ...more, ...span });
    },
    dropRange: async () => undefined,
  };
  return { layout, asked, reads: () => reads };
}

const session: Session = {
  run: async () => ({ rows: [], count: 0 }),
  runPlannedAnew: async () => ({ rows: [], count: 0 }),
  command: async () => undefined,
  copy: async () => undefined,
};
const pool = {
  use: <T>(_what: string, work: (lent: Session) => Promise<T>) => work(session),
  close: async () => undefined,
};
const open = () => createStoredRanges({ pool, clock: systemClock });
const rows = (...times: number[]) => ({
  table: 'samples_packed' as const,
  times: { length: times.length, at: (i: number) => times[i]! },
});

it('makes each missing range once, and asks only for what it does not know', async () => {
  const { layout, asked, reads } = layoutOf({ makes: true });
  const ranges = open();
  await ranges.ensure(layout, rows(1, 5, 12, 3, 19));
  expect(asked).toEqual([1, 12]);
  const before = reads();
  await ranges.ensure(layout, rows(2, 18));
  expect([asked.length, reads()]).toEqual([2, before]);
  ranges.forget();
  await ranges.ensure(layout, rows(2, 18));
  expect([asked.length, reads()]).toEqual([2, before + 1]);
});

it('leaves to the database what that makes by itself', async () => {
  const { layout, asked, reads } = layoutOf({ makes: true, automatic: [100, 200] });
  await open().ensure(layout, rows(100, 150, 199));
  expect([asked, reads()]).toEqual([[], 0]);
  await open().ensure(layout, rows(150, 99, 150, 200, 95));
  expect(asked).toEqual([99, 200]);
});

it('gives up on a range that is gone whenever it was made', async () => {
  const { layout, asked } = layoutOf({ makes: false });
  await expect(open().ensure(layout, rows(7))).rejects.toMatchObject({
    code: 'STORE_BUSY',
    kind: 'transient',
    message: expect.stringContaining('Nothing is lost'),
  });
  expect(asked).toEqual([7, 7, 7]);
});
