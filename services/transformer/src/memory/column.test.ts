import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import {
  bytes8,
  decodeColumns,
  DirtyPages,
  encodePage,
  floats64,
  reserveSlots,
  words32,
} from './column.ts';

describe('columns', () => {
  it('come back page by page, every bit of them', () => {
    const columns = [bytes8(), words32(4), floats64(3)];
    reserveSlots(columns, 128);
    for (const column of columns) {
      for (let i = 0; i < column.data.length; i += 1) column.data[i] = i * 7919;
    }
    columns[2]!.data.set([NaN, -0, -Infinity], 3 * 64);
    const pages = [0, 1].map((page) => {
      const alone = decode(encodePage(columns, page)) as Uint8Array;
      expect(decode(encodePage(columns, page, [[3, [0.5]]]))).toEqual([alone, [[3, [0.5]]]]);
      return alone;
    });
    const read = [bytes8(), words32(4), floats64(3)];
    reserveSlots(read, 128);
    for (const [page, bytes] of pages.entries()) decodeColumns(read, page, bytes);
    for (const [i, column] of read.entries()) expect(column.data).toEqual(columns[i]!.data);
    expect(Object.is(read[2]!.data[3 * 64 + 1], -0)).toBe(true);
  });

  it('are refused when a page is too short or too long', () => {
    const page = decode(encodePage([bytes8()], 0)) as Uint8Array;
    for (const bytes of [page.subarray(1), new Uint8Array(page.length + 1)]) {
      expect(() => decodeColumns([bytes8()], 0, bytes)).toThrow(
        expect.objectContaining({ code: 'STATE_INCOMPLETE' }),
      );
    }
  });

  it('keep what they held when they grow', () => {
    const [floats, bytes] = [floats64(2), bytes8()];
    floats.data.fill(5);
    bytes.data.fill(6);
    reserveSlots([bytes, floats], 1000);
    // In whole pages.
    expect([floats.room, bytes.room]).toEqual([1024, 1024]);
    expect(floats.data.subarray(0, 128).every((value) => value === 5)).toBe(true);
    expect(bytes.data.subarray(0, 64).every((value) => value === 6)).toBe(true);
    floats.data.fill(7);
    expect(bytes.data[1023]).toBe(0);
    const { data } = floats;
    reserveSlots([bytes, floats], 1000);
    expect(floats.data).toBe(data);
    reserveSlots([bytes, floats], 1025);
    expect([floats.room, bytes.room]).toEqual([2048, 2048]);
  });

  it('become NaN as far as slots are asked for, and keep what was written since', () => {
    const column = floats64(2);
    reserveSlots([column], 256);
    column.clear(1);
    expect(column.cleared).toBe(64);
    column.data.fill(3, 0, 4);
    column.clear(65);
    expect(column.cleared).toBe(128);
    expect([...column.data.subarray(0, 6)]).toEqual([3, 3, 3, 3, NaN, NaN]);
    expect(column.data.subarray(0, 256).filter(Number.isNaN).length).toBe(252);
    expect(column.data.subarray(256).every((value) => value === 0)).toBe(true);
  });

  it('of a table lie in one piece of memory, which is given back when they grow again', () => {
    const columns = [bytes8(), floats64(16), floats64()];
    const memories = (): number[] => [
      ...new Set(columns.map(({ data }) => data.buffer.byteLength)),
    ];
    reserveSlots(columns, 32_768);
    columns[1]!.data.fill(7);
    const [room, mib] = [columns[1]!.room, 1024 * 1024];
    expect(columns.map((column) => column.room)).toEqual([room, room, room]);
    expect(new Set(columns.map(({ data }) => data.buffer)).size).toBe(1);
    // All that is mapped is used, but for less than a page.
    expect(memories()).toEqual([33 * mib]);
    expect(room).toBe(Math.floor((33 * mib) / (64 * 137)) * 64);
    reserveSlots(columns, 2 * room);
    expect(memories()).toEqual([2 * room * 137]);
    expect(columns[1]!.data.subarray(0, 16 * room).every((value) => value === 7)).toBe(true);
    expect(columns[2]!.data[2 * room - 1]).toBe(0);
  });
});

describe('DirtyPages', () => {
  it('gives every marked page once, in order, and forgets it', () => {
    const dirty = new DirtyPages();
    for (const slot of [64 * 5000, 3, 64, 63, 64 * 5000 + 1, 65]) dirty.mark(slot);
    expect(dirty.take()).toEqual([0, 1, 5000]);
    expect(dirty.take()).toEqual([]);
    dirty.mark(2);
    expect(dirty.take()).toEqual([0]);
  });
});
