import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressSnappy, uncompressSnappy } from '../snappy.ts';
import { encodeWriteRequest, type WriteSeries } from './encode-write-request.ts';
import { KeyMemory } from './key-memory.ts';
import { arbitrarySeries } from './testing/arbitrary-write-request.ts';
import { KeyMemorySink } from './testing/key-memory-sink.ts';

const T0 = 1_750_000_000_000;
const BYTES_MAX = 8 * 1024 ** 2;

/** Long and short label sets, of which some begin alike. */
function seriesNumber(i: number, samples: WriteSeries['samples']): WriteSeries {
  const labels: [string, string][] = [['__name__', `m${i % 3}`]];
  for (let more = 0; more < i % 5; more += 1) labels.push([`label_${more}`, 'v'.repeat(i)]);
  return { labels, samples };
}

const value = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, 0, -0, Number.POSITIVE_INFINITY));
const usual: fc.Arbitrary<WriteSeries> = fc
  .tuple(
    fc.nat({ max: 11 }),
    fc.array(fc.tuple(fc.integer({ min: T0, max: T0 + 1e9 }), value), { maxLength: 3 }),
  )
  .map(([i, samples]) => seriesNumber(i, samples));
const stale: fc.Arbitrary<WriteSeries> = fc
  .nat({ max: 11 })
  .map((i) => seriesNumber(i, [[T0, Number.NaN, true]]));
const series = fc.oneof(
  { weight: 12, arbitrary: usual },
  { weight: 1, arbitrary: stale },
  { weight: 1, arbitrary: arbitrarySeries },
);

/** A request, and others that are like it but for a few bytes, or series. */
const alike = fc
  .tuple(
    fc.array(series, { minLength: 1, maxLength: 20 }),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.nat()), { maxLength: 6 }),
  )
  .map(([request, changes]) => {
    const plain = encodeWriteRequest(request);
    const without = changes.map(([at]) => {
      return encodeWriteRequest(request.filter((_, i) => i !== at % request.length));
    });
    const mutated = changes.map(([at, byte, end]) => {
      const bytes = Uint8Array.from(plain);
      if (plain.length > 0) bytes[at % plain.length] = byte;
      return end % 3 === 0 ? bytes.subarray(0, end % (plain.length + 1)) : bytes;
    });
    return [plain, plain, ...without, ...mutated, plain];
  });

describe('what is expected', () => {
  it('is told alike with WebAssembly and without', () => {
    let runSamples = 0;
    let refused = 0;
    fc.assert(
      fc.property(alike, fc.constantFrom(0, 400, undefined), (requests, wholeBytesMax) => {
        const fast = new KeyMemorySink(new KeyMemory({ wholeBytesMax }));
        const slow = new KeyMemorySink(new KeyMemory({ withoutWasm: true }));
        for (const plain of requests) {
          const told = fast.request(plain);
          expect(told).toStrictEqual(slow.request(plain));
          if (told.refusal !== undefined) refused += 1;
        }
        runSamples += fast.runSamples;
        expect(slow.runSamples).toBe(0);
      }),
      { numRuns: 150 },
    );
    expect(runSamples).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(40);
  });

  it('is found, and told from others, where keys are kept as they differ', () => {
    for (const length of [60, 200, 470]) {
      // Up to three places that differ, the last bytes among them.
      const request = Array.from({ length: 12 }, (_, i): WriteSeries => {
        const text = Buffer.alloc(length, 'x');
        for (const at of [0, 37 * i, length - 1].slice(i % 3)) text[at % length] = 97 + i;
        return {
          labels: [
            ['__name__', 'metric'],
            ['text', text.toString()],
          ],
          samples: [[T0, i]],
        };
      });
      const plain = encodeWriteRequest(request);
      const fast = new KeyMemorySink(new KeyMemory({ wholeBytesMax: 0 }));
      const slow = new KeyMemorySink(new KeyMemory({ withoutWasm: true }));
      for (const one of [plain, plain]) expect(fast.request(one)).toEqual(slow.request(one));
      // All but the first series, which follows none.
      expect(fast.runSamples).toBe(11);
      for (let at = plain.indexOf('x'.charCodeAt(0)); at < plain.length; at += 11) {
        const other = Uint8Array.from(plain);
        other[at]! ^= 1;
        for (const one of [other, plain]) expect(fast.request(one)).toEqual(slow.request(one));
      }
    }
  });

  it('comes in several runs where there is no room for all of it at once', () => {
    const request = Array.from({ length: 700 }, (_, i): WriteSeries => {
      const samples = [0, 1, 2].map((k): [number, number] => [T0 + k, i * 3 + k]);
      return { labels: [['__name__', `series_number_${i}`]], samples };
    });
    const plain = encodeWriteRequest(request);
    const sink = new KeyMemorySink(new KeyMemory());
    sink.request(plain);
    const { samples } = sink.request(plain);
    expect(samples.map(([, , told]) => told)).toEqual(Array.from({ length: 2100 }, (_, i) => i));
    // All but the first series, which follows none.
    expect(sink.runSamples).toBe(2097);
  });

  it('stays valid when keys move into memory that grows', () => {
    const request = Array.from({ length: 3000 }, (_, i): WriteSeries => {
      const labels: [string, string][] = [
        ['__name__', `m_${i}`],
        ['long', 'x'.repeat(1000)],
      ];
      return { labels, samples: [[T0, i]] };
    });
    const fast = new KeyMemorySink(new KeyMemory());
    for (let from = 0; from < 3000; from += 500) {
      const plain = encodeWriteRequest(request.slice(from, from + 500));
      expect(fast.request(plain).samples).toHaveLength(500);
      expect(fast.request(plain).samples).toHaveLength(500);
    }
    const all = encodeWriteRequest(request);
    const told = fast.request(all).samples;
    expect(told.map(([, , value]) => value)).toEqual(request.map((_, i) => i));
    expect(told.map(([number]) => number)).toEqual(request.map((_, i) => i));
  });
});

describe('uncompressing', () => {
  it('takes exactly what the other one takes, and makes the same of it', () => {
    const keys = new KeyMemory();
    const repetitive = fc
      .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 70 }), fc.nat({ max: 30 })), {
        maxLength: 30,
      })
      .map((runs) => Buffer.concat(runs.flatMap(([run, times]) => new Array(times).fill(run))));
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 });
    let refused = 0;
    fc.assert(
      fc.property(repetitive, changes, (plain, changed) => {
        const block = Uint8Array.from(compressSnappy(Uint8Array.from(plain)));
        for (const [at, byte] of changed) block[at % block.length] = byte;
        const outcome = outcomeOf(() => uncompressSnappy(block, BYTES_MAX));
        const mine = outcomeOf(() => keys.uncompress(block, BYTES_MAX) ?? 'refused');
        expect(mine).toStrictEqual(outcome);
        if (outcome === 'refused') refused += 1;
      }),
      { numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(150);
  });

  it('leaves to others what is larger than its room', () => {
    const keys = new KeyMemory();
    const large = compressSnappy(new Uint8Array(5 * 1024 ** 2));
    expect(keys.uncompress(large, BYTES_MAX)).toBeUndefined();
    const fits = compressSnappy(new Uint8Array(4 * 1024 ** 2).fill(7));
    expect(keys.uncompress(fits, BYTES_MAX)?.every((byte) => byte === 7)).toBe(true);
    expect(keys.uncompress(fits, 1024)).toBeUndefined();
  });
});

function outcomeOf(uncompressing: () => Uint8Array | 'refused'): Buffer | 'refused' {
  try {
    const plain = uncompressing();
    return plain === 'refused' ? plain : Buffer.from(plain);
  } catch {
    return 'refused';
  }
}
