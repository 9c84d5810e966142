import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../samples/decode-error.ts';
import { HISTOGRAM_BUCKETS_MAX } from '../samples/validate-histogram.ts';
import { decodeLabels } from './decode-labels.ts';
import { encodeWriteRequest } from './encode-write-request.ts';
import { arbitraryMetadata, arbitrarySeries } from './testing/arbitrary-write-request.ts';
import { decodeAll } from './testing/recording-sink.ts';

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

/** The error that decoding throws; anything but a DecodeError fails the test. */
function refusal(decode: () => unknown): DecodeError | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
}

describe('malformed messages', () => {
  const cases: [name: string, body: string][] = [
    ['a tag that is cut off', '80'],
    ['a tag of eleven bytes', '8080808080808080808001'],
    ['a tag above 32 bits', '808080801000'],
    ['field number zero', '0000'],
    ['field number zero in more bytes', '800000'],
    ['a length that is cut off', '0a'],
    ['a length past the end', '0a05 0a00'],
    ['a length above 32 bits', '0a 8080808010'],
    ['a length of 64 bits, which some read as negative', '0a ffffffffffffffffff01'],
    ['a group', '13 14'],
    ['the end of a group', '0c'],
    ['wire type 6', '1e 00'],
    ['wire type 7', '1f 00'],
    ['series as a number', '08 01'],
    ['metadata as a double', '19 0000000000000000'],
    ['a sample as a number', '0a02 1001'],
    ['labels as a number', '0a02 0801'],
    ['a histogram as 32 bits', '0a05 2500000000'],
    ['a length past the end of the series, yet within the message', '0a02 1205 0a00 0a00'],
    ['a value as a number', '0a04 1202 0801'],
    ['a timestamp as a double', '0a0b 1209 110000000000000000'],
    ['a value that is cut off by its sample', '0a0a 1204 0900000000000000'],
    ['a timestamp of eleven bytes', '0a0e 120c 10 8080808080808080808001'],
    ['a timestamp of more than 64 bits', '0a0d 120b 10 80808080808080808002'],
    ['an unknown number that is cut off', '0a03 f80180'],
    ['unknown 32 bits that are cut off', '0a04 fd010000'],
    ['unknown bytes that are cut off', '0a04 fa010500'],
    ['an unknown group in a sample', '0a05 1203 fb0100'],
    ['a bucket span with a double as its offset', '0a0d 220b 5a09 090000000000000000'],
    ['deltas that end within a number', '0a05 2203 620180'],
    ['counts that are no multiple of eight bytes', '0a0d 220b 6a09 000000000000000000'],
    ['an exemplar whose label has a number for a name', '0a06 1a04 0a02 0801'],
    ['metadata whose help is a number', '1a02 2001'],
  ];
  test.each(cases)('%s', (_, body) => {
    expect(refusal(() => decodeAll(hex(body)))?.reason).toBe('malformed_protobuf');
  });

  test('a request that is cut off anywhere is refused, or ends between two of its parts', () => {
    fc.assert(
      fc.property(fc.array(arbitrarySeries, { minLength: 1, maxLength: 3 }), (series) => {
        const body = encodeWriteRequest(series);
        const whole = decodeAll(body);
        for (let length = 0; length < body.length; length += 1) {
          // A copy, so that reading past the end cannot find what was cut off.
          const told: unknown[] = [];
          const error = refusal(() => told.push(...decodeAll(body.slice(0, length))));
          expect(error?.reason ?? 'malformed_protobuf').toBe('malformed_protobuf');
          expect(told).toEqual(whole.slice(0, told.length));
        }
      }),
      { numRuns: 12 },
    );
  });

  test('flipped bytes are read as something else or refused, and nothing else happens', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(
        fc.array(arbitrarySeries, { minLength: 1, maxLength: 2 }),
        fc.array(arbitraryMetadata, { maxLength: 2 }),
        flips,
        (series, metadata, flipped) => {
          const body = encodeWriteRequest(series, metadata);
          if (body.length === 0) return;
          for (const [at, bits] of flipped) body[at % body.length]! ^= bits;
          refusal(() => decodeAll(body));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('random bytes are read as something or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        refusal(() => decodeAll(body));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('small bodies that would take much memory', () => {
  test('empty series, samples and metadata are counted', () => {
    const limits = { seriesMax: 10, samplesMax: 20, metadataMax: 5 };
    const times = (part: string, count: number) => hex(part.repeat(count));
    expect(decodeAll(times('0a00', 10), limits)).toHaveLength(10);
    const samples = (count: number) =>
      hex(`0a ${(2 * count).toString(16)} ${'1200'.repeat(count)}`);
    expect(decodeAll(samples(20), limits)).toHaveLength(21);
    const metadata = times('1a03120161', 5);
    expect(decodeAll(metadata, limits)).toHaveLength(5);
    const reasonOf = (body: Uint8Array) => refusal(() => decodeAll(body, limits))?.reason;
    expect(reasonOf(times('0a00', 11))).toBe('too_many_series');
    expect(reasonOf(samples(21))).toBe('too_many_samples');
    expect(reasonOf(times('1a03120161', 6))).toBe('too_many_metadata');
  });

  test('a list of a histogram is not kept beyond its bound, and the series stays', () => {
    const deltas = new Uint8Array(HISTOGRAM_BUCKETS_MAX + 1).fill(2);
    const length = (bytes: number) => [(bytes & 127) | 128, (bytes >> 7) & 127, 0x80, 0x00];
    const field = (tag: number, content: Iterable<number>) => {
      const bytes = [...content];
      return [tag, ...length(bytes.length).map((b, i) => (i === 1 ? b | 128 : b)), ...bytes];
    };
    const body = Uint8Array.from(field(0x0a, [...field(0x22, field(0x62, deltas)), 0x12, 0x00]));
    expect(decodeAll(body)).toEqual([
      ['series', []],
      ['invalid histogram', 0, 'a list of spans, buckets or bounds is longer than 10000'],
      ['sample', 0, 0, false],
    ]);
  });

  test('labels of a series and of an exemplar are counted', () => {
    const labels = (count: number) => hex('0a00'.repeat(count));
    expect(decodeLabels(labels(1024), 0, 2048)).toHaveLength(1024);
    const series = refusal(() => decodeLabels(labels(1025), 0, 2050));
    expect(series?.reason).toBe('too_many_labels');
    const exemplar = encodeWriteRequest([
      {
        labels: [],
        samples: [],
        exemplars: [
          { timestampMs: 0, value: 0, labels: Array.from({ length: 65 }, () => ['', '']) },
        ],
      },
    ]);
    expect(refusal(() => decodeAll(exemplar))?.reason).toBe('too_many_labels');
  });
});

describe('text', () => {
  test.each([
    ['a byte of Latin-1', 'e9'],
    ['a surrogate', 'eda080'],
    ['a NUL in two bytes', 'c080'],
    ['a character that is cut off', 'e282'],
    ['a code point above the last', 'f4908080'],
  ])('%s in a label is refused, for two of them must not become one', (_, bytes) => {
    const content = `0a01 61 12 ${(bytes.length / 2).toString(16).padStart(2, '0')} ${bytes}`;
    const label = hex(`0a ${hex(content).length.toString(16).padStart(2, '0')} ${content}`);
    expect(refusal(() => decodeLabels(label, 0, label.length))?.reason).toBe('invalid_utf8');
  });

  test('in exemplars and metadata it is replaced, because no sample may be refused for it', () => {
    expect(decodeAll(hex('1a07 120161 2202 6100'))).toMatchObject([
      ['metadata', { help: 'a\uFFFD' }],
    ]);
    expect(decodeAll(hex('0a09 1a07 0a05 1203 61 e9 00'))).toMatchObject([
      ['series', []],
      ['exemplar', 0, 0, [['', 'a\uFFFD\uFFFD']]],
    ]);
  });

  test('labels come in the order sent, empty ones and a byte order mark included', () => {
    const body = encodeWriteRequest([
      {
        labels: [
          ['z', '\uFEFFx'],
          ['', ''],
          ['a', ''],
        ],
        samples: [],
      },
    ]);
    expect(decodeAll(body)).toEqual([
      [
        'series',
        [
          ['z', '\uFEFFx'],
          ['', ''],
          ['a', ''],
        ],
      ],
    ]);
  });
});
