import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { bytes8, decodeColumns, DirtyPages, encodePage, floats64, words32 } from './column.ts';

describe('columns', () => {
  it('come back page by page, every bit of them', () => {
    const columns = [bytes8(), words32(4), floats64(3)];
    for (const column of columns) {
      column.reserve(128);
      for (let i = 0; i < column.data.length; i += 1) column.data[i] = i * 7919;
    }
    columns[2]!.data.set([NaN, -0, -Infinity], 3 * 64);
    const pages = [0, 1].map((page) => {
      const alone = decode(encodePage(columns, page)) as Uint8Array;
      expect(decode(encodePage(columns, page, [[3, [0.5]]]))).toEqual([alone, [[3, [0.5]]]]);
      return alone;
    });
    const read = [bytes8(), words32(4), floats64(3)];
    for (const column of read) column.reserve(128);
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
    const column = floats64(2);
    column.data.fill(5);
    column.reserve(1000);
    expect(column.data.length).toBe(2000);
    expect(column.data.subarray(0, 128).every((value) => value === 5)).toBe(true);
  });

  it('grow from some megabytes to what is given back when they grow again', () => {
    const [wide, narrow] = [floats64(16), floats64()];
    wide.reserve(32_768);
    expect(wide.data.byteLength).toBe(32_768 * 128);
    wide.data.fill(7);
    for (const column of [wide, narrow]) column.reserve(70_000 - (70_000 % 64));
    expect(wide.data.byteLength).toBeGreaterThan(32 * 1024 * 1024);
    expect(wide.data.byteLength % (64 * 128)).toBe(0);
    expect(wide.data.subarray(0, 32_768 * 16).every((value) => value === 7)).toBe(true);
    expect(narrow.data.length).toBe(70_000 - (70_000 % 64));
    wide.reserve(512 * 1024);
    expect(wide.data.byteLength).toBe(64 * 1024 * 1024);
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
