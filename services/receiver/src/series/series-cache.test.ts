import { fingerprintOf, partitionOf, sortLabels, type LabelSet } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeriesCache, UNKNOWN_SERIES } from './series-cache.ts';

const PARTITIONS = 5;

function newCache(bounds: { countMax?: number; bytesMax?: number } = {}) {
  let cleared = 0;
  const cache = new SeriesCache({
    tenant: 'default',
    partitions: PARTITIONS,
    countMax: bounds.countMax ?? 1_000_000,
    bytesMax: bounds.bytesMax ?? 1_000_000_000,
    onClear: () => (cleared += 1),
  });
  return { cache, cleared: () => cleared };
}

function labelsOf(key: Uint8Array): LabelSet {
  return sortLabels([
    ['__name__', 'm'],
    ['key', Buffer.from(key).toString('hex')],
  ]);
}

function lookUp(cache: SeriesCache, key: Uint8Array) {
  const known = cache.find(key, 0, key.length);
  return known === UNKNOWN_SERIES ? cache.add(key, 0, key.length, labelsOf(key)) : known;
}

const keys = fc.array(fc.uint8Array({ minLength: 1, maxLength: 6, max: 3 }), { maxLength: 300 });

describe('SeriesCache', () => {
  it('finds exactly the series that was added under the same bytes', () => {
    fc.assert(
      fc.property(keys, fc.integer({ min: 1, max: 400 }), (sent, countMax) => {
        const { cache } = newCache({ countMax });
        for (const key of sent) {
          const series = lookUp(cache, key);
          const fingerprint = fingerprintOf('default', labelsOf(key));
          const { fingerprints, partitions } = cache.table;
          const words = fingerprints.subarray(series * 4, series * 4 + 4);
          expect(new Uint8Array(words.slice().buffer)).toEqual(fingerprint);
          expect(partitions[series]).toBe(partitionOf(fingerprint, 0, PARTITIONS));
        }
      }),
    );
  });

  it('gives the same number for bytes at another place of another buffer', () => {
    const { cache } = newCache();
    const first = lookUp(cache, Buffer.from('abcdefgh'));
    const other = Buffer.from('xxabcdefghxx');
    expect(cache.find(other, 2, 10)).toBe(first);
    expect(cache.find(other, 2, 9)).toBe(UNKNOWN_SERIES);
    expect(cache.find(other, 1, 9)).toBe(UNKNOWN_SERIES);
  });

  it('guesses the next series only when its bytes are the same', () => {
    const { cache } = newCache();
    const [a, b, c] = ['aaaa', 'bbbb', 'cccc'].map((text) => Buffer.from(text)) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    const series = [a, b, c].map((key) => lookUp(cache, key));
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [2, 0, 1],
      [0, 0, 1],
    ]) {
      cache.rest();
      const found = order.map((i) => lookUp(cache, [a, b, c][i]!));
      expect(found).toEqual(order.map((i) => series[i]));
    }
  });

  it('starts again from nothing at its bound of series, and says so', () => {
    const { cache, cleared } = newCache({ countMax: 10 });
    for (let i = 0; i < 25; i += 1) lookUp(cache, Buffer.from(`series ${i}`));
    expect(cache.count).toBe(5);
    expect(cleared()).toBe(2);
    expect(cache.find(Buffer.from('series 3'), 0, 8)).toBe(UNKNOWN_SERIES);
  });

  it('never holds much more than its bound of bytes', () => {
    const bytesMax = 4 * 1024 * 1024;
    const { cache, cleared } = newCache({ bytesMax });
    const long = Buffer.alloc(60_000);
    for (let i = 0; i < 500; i += 1) {
      long.writeUInt32LE(i);
      lookUp(cache, long);
      // Columns double when they are full, so that one series may be let in that doubles them.
      expect(cache.bytesHeld).toBeLessThan(2 * bytesMax);
    }
    expect(cleared()).toBeGreaterThan(1);
  });

  it('takes a key longer than all before', () => {
    const { cache } = newCache();
    const huge = Buffer.alloc(3 * 1024 * 1024, 7);
    const series = lookUp(cache, huge);
    expect(lookUp(cache, huge)).toBe(series);
  });
});
