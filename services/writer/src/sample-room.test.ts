import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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

describe('what is kept', () => {
  const MAX = 40_000;
  const manyOf = (count: number): SampleColumns => ({
    count,
    seriesIds: new Uint8Array(8 * count),
    times: new Float64Array(count),
    values: new Float64Array(count),
    flags: new Uint8Array(count),
  });
  /** Memory that these rooms keep. */
  const bytesOf = (held: readonly SampleRoom[]): number =>
    held.reduce((sum, room) => sum + room.columns.times.buffer.byteLength, 0);
  /** As many rooms as 16 partitions have at full rate, given back. */
  const busy = (rooms: SampleRooms): SampleRoom[] => {
    const all = Array.from({ length: 32 }, () => rooms.take());
    for (const room of all) {
      if (room.count === 0) room.add(manyOf(MAX));
    }
    for (const room of all) rooms.giveBack(room);
    return all;
  };

  it('is rooms that were in use of late', () => {
    const rooms = new SampleRooms(MAX);
    const all = new Set(busy(rooms));
    expect(bytesOf([...all])).toBe(32 * 25 * MAX);
    for (let i = 0; i < 600; i += 1) {
      const two = [rooms.take(), rooms.take()];
      for (const room of two) {
        room.add(manyOf(MAX));
        rooms.giveBack(room);
      }
    }
    const again = Array.from({ length: 32 }, () => rooms.take());
    expect(again.filter((room) => all.has(room))).toHaveLength(2);
  });

  it('is all rooms for as long as all of them are in use', () => {
    const rooms = new SampleRooms(MAX);
    const all = new Set(busy(rooms));
    for (let i = 0; i < 20; i += 1) for (const room of busy(rooms)) expect(all).toContain(room);
  });

  it('is little of a room that has small batches', () => {
    const rooms = new SampleRooms(MAX);
    const [large] = busy(rooms);
    const small = manyOf(10);
    for (let i = 0; i < 40; i += 1) {
      const all = Array.from({ length: 32 }, () => rooms.take());
      for (const room of all) {
        room.add(small);
        rooms.giveBack(room);
      }
      expect(all).toContain(large);
    }
    expect(bytesOf([large!])).toBe(25 * 16_384);
    large!.add(manyOf(MAX));
    expect(large!.count).toBe(MAX);
  });
});
