import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SampleColumns } from '@millrace/wire';
import { SampleRoom, SampleRooms } from './sample-room.ts';

const columns = fc
  .array(fc.record({ id: fc.bigInt(0n, 2n ** 64n - 1n), time: fc.nat(), flags: fc.nat(255) }), {
    maxLength: 9,
  })
  .map((samples): SampleColumns => {
    const seriesIds = Buffer.alloc(8 * samples.length);
    samples.forEach(({ id }, i) => seriesIds.writeBigUInt64BE(id, 8 * i));
    return {
      count: samples.length,
      seriesIds: new Uint8Array(seriesIds),
      times: Float64Array.from(samples, ({ time }) => time),
      values: Float64Array.from(samples, ({ time }) => time / 3),
      flags: Uint8Array.from(samples, ({ flags }) => flags),
    };
  });

const joined = (all: readonly SampleColumns[]) => ({
  count: all.reduce((sum, { count }) => sum + count, 0),
  seriesIds: all.flatMap(({ seriesIds }) => [...seriesIds]),
  times: all.flatMap(({ times }) => [...times]),
  values: all.flatMap(({ values }) => [...values]),
  flags: all.flatMap(({ flags }) => [...flags]),
});

it('has all that was added, in turn, however often it grew', () => {
  fc.assert(
    fc.property(fc.array(columns), fc.nat(20), fc.nat(20), (all, capacity, more) => {
      const room = new SampleRoom(capacity, more);
      all.forEach((one, i) => {
        if (i === 2) room.reserve(more);
        room.add(one);
      });
      expect(joined([room.columns])).toEqual(joined(all));
    }),
  );
});

it('is used again, and no two batches have the same one', () => {
  const rooms = new SampleRooms(1000);
  const [first, second] = [rooms.take(), rooms.take()];
  expect(first).not.toBe(second);
  first.count = 3;
  rooms.giveBack(first);
  const again = rooms.take();
  expect(again).toBe(first);
  expect(again.count).toBe(0);
});

it('is another one for a large batch, which no usual one gets', () => {
  const rooms = new SampleRooms(1000);
  const [one] = fc.sample(
    columns.filter(({ count }) => count > 0),
    { numRuns: 1, seed: 1 },
  );
  const usual = rooms.take();
  usual.add(one!);
  const large = rooms.enlarged(usual, 100);
  expect(large).not.toBe(usual);
  expect(joined([large.columns])).toEqual(joined([one!]));
  expect(rooms.enlarged(large, 200)).toBe(large);
  expect(rooms.take()).toBe(usual);
  rooms.giveBack(large);
  expect(rooms.take()).not.toBe(large);
  expect(rooms.enlarged(rooms.take(), 50)).toBe(large);
});
