import {
  compressSnappy,
  decodeLabels,
  decodeWriteRequest,
  encodeWriteRequest,
  uncompressSnappy,
} from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compressSymbols } from './compress-symbols.ts';
import { labelBytes, loadSeries } from './load-series.ts';
import { WriteRequestTemplate } from './write-request-template.ts';

const BYTES_MAX = 1 << 24;

describe('WriteRequestTemplate', () => {
  const series = Array.from({ length: 1000 }, (_, i) => loadSeries(i));

  test('says after each change what a request built anew would say', () => {
    const template = WriteRequestTemplate.build(series);
    const other = template.clone();
    for (const [timestampMs, firstValue] of [
      [1_750_000_000_000, 7] as const,
      [2 ** 42 - 1, 1e9] as const,
    ]) {
      template.set(timestampMs, (i) => firstValue + i);
      other.set(1_700_000_000_000, (i) => i);
      const samples = series.map((labels, i) => ({ labels, timestampMs, value: firstValue + i }));
      expect(decode(template.body)).toEqual(samples);
    }
    expect(() => template.set(2 ** 42, () => 0)).toThrow(RangeError);
  });

  test('is as large as what snappy makes of values with full mantissas', () => {
    const { body } = WriteRequestTemplate.build(series);
    const samples = (i: number) => [[1_750_000_000_000, 1 / (i + 3)]] as const;
    const plain = encodeWriteRequest(series.map((labels, i) => ({ labels, samples: samples(i) })));
    const ratio = body.length / compressSnappy(plain).length;
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.1);
  });

  test('carries the label bytes of a scraped service', () => {
    const bytes = series.map(labelBytes);
    expect(Math.min(...bytes)).toBeGreaterThan(235);
    expect(Math.max(...bytes)).toBeLessThan(255);
  });
});

test('whatever is filled in, the block uncompresses to it', () => {
  const words = fc.constantFrom('abcdefgh', 'abcd', 'x', '12345678901234567890', '<>', '<<>>');
  const texts = fc.array(words, { maxLength: 200 }).map((list) => list.join(''));
  fc.assert(
    fc.property(texts, fc.nat({ max: 255 }), fc.nat({ max: 255 }), (text, one, other) => {
      // Two kinds of variable bytes, written as < and >.
      const symbols = Uint32Array.from(Buffer.from(text), (byte) =>
        byte === 0x3c || byte === 0x3e ? byte + 1000 : byte,
      );
      const { block, at } = compressSymbols(symbols);
      const filled = (symbol: number): number => {
        if (symbol < 256) return symbol;
        return symbol === 0x3c + 1000 ? one : other;
      };
      symbols.forEach((symbol, i) => {
        if (at[i]! >= 0) block[at[i]!] = filled(symbol);
      });
      const wanted = [...symbols].map(filled);
      expect([...uncompressSnappy(block, BYTES_MAX)]).toEqual(wanted);
    }),
  );
});

function decode(body: Uint8Array): object[] {
  const samples: object[] = [];
  let labels: unknown;
  decodeWriteRequest(uncompressSnappy(body, BYTES_MAX), {
    series: (bytes, start, end) => void (labels = decodeLabels(bytes, start, end)),
    expect: () => -1,
    expectedSeries: () => undefined,
    sample: (timestampMs, value) => void samples.push({ labels, timestampMs, value }),
    histogram: () => undefined,
    invalidHistogram: () => undefined,
    exemplar: () => undefined,
    metadata: () => undefined,
  });
  return samples;
}
