import type { NativeHistogram } from '@millrace/model';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MetricMetadata } from '../events/events-record.ts';
import { decodeWriteRequest } from './decode-write-request.ts';
import { encodeWriteRequest, type WriteSeries } from './encode-write-request.ts';
import { METRIC_TYPES } from './metric-type.ts';
import { arbitraryMetadata, arbitrarySeries } from './testing/arbitrary-write-request.ts';
import { decodeAll, recordingSink } from './testing/recording-sink.ts';
import { toldOf } from './testing/told-of.ts';
import { oracleDecode, oracleEncode } from './testing/write-request-oracle.ts';

const series = fc.array(arbitrarySeries, { maxLength: 4 });
const metadata = fc.array(arbitraryMetadata, { maxLength: 3 });

/** The same request for protobufjs, which cannot write the NaN of a stale marker. */
function oracleRequest(sent: readonly WriteSeries[], sentMetadata: readonly MetricMetadata[]) {
  const labels = (all: WriteSeries['labels']) => all.map(([name, value]) => ({ name, value }));
  return {
    timeseries: sent.map((one) => ({
      labels: labels(one.labels),
      samples: one.samples.map(([timestampMs, value]) => ({
        value,
        timestamp: String(timestampMs),
      })),
      exemplars: (one.exemplars ?? []).map((exemplar) => ({
        labels: labels(exemplar.labels),
        value: exemplar.value,
        timestamp: String(exemplar.timestampMs),
      })),
      histograms: (one.histograms ?? []).map(({ timestampMs, histogram }) => ({
        ...oracleHistogram(histogram),
        timestamp: String(timestampMs),
      })),
    })),
    metadata: sentMetadata.map((one) => ({
      type: METRIC_TYPES.indexOf(one.type),
      metricFamilyName: one.metric,
      help: one.help,
      unit: one.unit,
    })),
  };
}

function oracleHistogram(histogram: NativeHistogram): object {
  const { float, count, zeroCount, negativeDeltas, positiveDeltas, ...rest } = histogram;
  return {
    ...rest,
    ...(float
      ? { countFloat: count, zeroCountFloat: zeroCount }
      : { countInt: String(count), zeroCountInt: String(zeroCount) }),
    negativeDeltas: negativeDeltas.map(String),
    positiveDeltas: positiveDeltas.map(String),
  };
}

function withoutStale(sent: WriteSeries[]): WriteSeries[] {
  return sent.map((one) => ({
    ...one,
    samples: one.samples.map(([timestampMs, value]) => [timestampMs, value, false]),
    histograms: (one.histograms ?? []).map((sample) => ({ ...sample, stale: false })),
  }));
}

describe('against protobufjs', () => {
  test('decodes what it encodes', () => {
    fc.assert(
      fc.property(series.map(withoutStale), metadata, (sent, sentMetadata) => {
        const body = oracleEncode(oracleRequest(sent, sentMetadata));
        expect(decodeAll(body)).toEqual(toldOf(sent, sentMetadata));
      }),
      { numRuns: 300 },
    );
  });

  test('encodes what it decodes', () => {
    fc.assert(
      fc.property(series, metadata, (sent, sentMetadata) => {
        const decoded = oracleDecode(encodeWriteRequest(sent, sentMetadata));
        // Through the oracle's own bytes, so that both sides have the same defaults.
        const request = oracleRequest(sent, sentMetadata);
        expect(decoded).toEqual(oracleDecode(oracleEncode(request)));
      }),
      { numRuns: 300 },
    );
  });

  test('decodes what the encoder here writes, stale markers included', () => {
    fc.assert(
      fc.property(series, metadata, (sent, sentMetadata) => {
        const body = encodeWriteRequest(sent, sentMetadata);
        expect(decodeAll(body)).toEqual(toldOf(sent, sentMetadata));
      }),
      { numRuns: 300 },
    );
  });
});

/** Bytes from hexadecimal parts; spaces do not matter. */
function hex(...parts: string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'));
}

/** A length-delimited field: its tag, then its content, everything in hexadecimal. */
function field(tag: string, ...content: string[]): string {
  const bytes = Buffer.from(hex(...content));
  const length =
    bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return tag + Buffer.from(length).toString('hex') + bytes.toString('hex');
}

/** A TimeSeries with these fields. */
function seriesOf(...fields: string[]): Uint8Array {
  return hex(field('0a', ...fields));
}

const LABEL_A = '0a06 0a0161 120162';
const LABEL_B = '0a06 0a0163 120164';
const VALUE_1 = '09 000000000000f03f';
const VALUE_2 = '09 0000000000000040';
const SAMPLE_1 = field('12', VALUE_1, '1001');
const SAMPLE_2 = field('12', VALUE_2, '1002');
const A: ['a', 'b'] = ['a', 'b'];
const C: ['c', 'd'] = ['c', 'd'];

describe('order and shape of fields', () => {
  test('tells of samples that stand before the labels after the series', () => {
    expect(decodeAll(seriesOf(SAMPLE_1, LABEL_A, SAMPLE_2))).toEqual([
      ['series', [A]],
      ['sample', 1, 1, false],
      ['sample', 2, 2, false],
    ]);
  });

  test('gathers labels that are scattered over the message', () => {
    expect(decodeAll(seriesOf(LABEL_A, SAMPLE_1, LABEL_B, SAMPLE_2))).toEqual([
      ['series', [A, C]],
      ['sample', 1, 1, false],
      ['sample', 2, 2, false],
    ]);
  });

  test('hands over labels without copying them when they stand together', () => {
    const body = seriesOf(LABEL_A, LABEL_B, SAMPLE_1);
    const seen: unknown[] = [];
    const sink = { ...recordingSink([]), series: (...run: unknown[]) => seen.push(run) };
    decodeWriteRequest(body, sink);
    expect(seen).toEqual([[body, 2, 18]]);
    expect(seen).toSatisfy(([[bytes]]) => bytes === body);
  });

  test('skips unknown fields of every wire type at every level', () => {
    // Field 31 of each type, and the largest number that a field can have.
    const unknown = 'f80101 f101000000000000000f fa0102ffff fd01000000ff f8ffffff0f00';
    const sample = field('12', unknown, VALUE_1, unknown, '1001');
    const series1 = field('0a', unknown, field('0a', unknown, '0a0161 120162'), sample, unknown);
    const body = hex(unknown, series1, unknown);
    expect(decodeAll(body)).toEqual([
      ['series', [A]],
      ['sample', 1, 1, false],
    ]);
  });

  test('takes the last of a field that occurs twice, and zero for one that is missing', () => {
    const twice = field('12', VALUE_1, '1001', VALUE_2, '1002');
    expect(decodeAll(seriesOf(LABEL_A, twice, '1200', '12021005'))).toEqual([
      ['series', [A]],
      ['sample', 2, 2, false],
      ['sample', 0, 0, false],
      ['sample', 5, 0, false],
    ]);
  });

  test('tells of a series without labels or samples', () => {
    expect(decodeAll(hex('0a00'))).toEqual([['series', []]]);
    expect(decodeAll(hex(''))).toEqual([]);
  });

  test('reads repeated numbers one by one as well as packed', () => {
    // Under one span of two buckets: populations 1 and 0.
    const span = field('5a', '1002');
    const unpacked = field('22', '0801', span, '6002', '6001');
    const packed = field('22', '0801', span, field('62', '0201'));
    const told = decodeAll(seriesOf(unpacked));
    expect(told).toMatchObject([
      ['series', []],
      ['histogram', 0, { positiveDeltas: [1n, -1n] }, false],
    ]);
    expect(decodeAll(seriesOf(packed))).toEqual(told);
    const doubles = ['8101 0000000000000040', field('8201', '0000000000000840')];
    expect(decodeAll(seriesOf(field('22', '2069', ...doubles)))).toMatchObject([
      ['series', []],
      ['histogram', 0, { schema: -53, customValues: [2, 3] }, false],
    ]);
  });
});

describe('numbers', () => {
  const timestamps: [string, number][] = [
    ['00', 0],
    ['ffffffffffffffffff01', -1],
    ['ffffffffffffff0f', Number.MAX_SAFE_INTEGER],
    ['8080808080808010', Number.POSITIVE_INFINITY],
    ['ffffffffffffffff7f', Number.POSITIVE_INFINITY],
    ['80808080808080808001', Number.NEGATIVE_INFINITY],
    ['818080808080 80f0ff01', -Number.MAX_SAFE_INTEGER],
    // Not the shortest form, and legal all the same.
    ['818000', 1],
  ];
  test.each(timestamps)('timestamp %s is %d', (varint, timestampMs) => {
    const told = decodeAll(seriesOf(field('12', '10', varint)));
    expect(told[1]).toEqual(['sample', timestampMs, 0, false]);
  });

  const values: [string, number, boolean][] = [
    ['020000000000f07f', Number.NaN, true],
    // The ordinary NaN of Prometheus, the one of JavaScript, and a quieted stale marker.
    ['010000000000f87f', Number.NaN, false],
    ['000000000000f87f', Number.NaN, false],
    ['020000000000f87f', Number.NaN, false],
    ['000000000000f07f', Number.POSITIVE_INFINITY, false],
    ['0000000000000080', -0, false],
  ];
  test.each(values)('value bits %s are %d, stale %s', (bits, value, stale) => {
    expect(decodeAll(seriesOf(`120909${bits}`))[1]).toEqual(['sample', 0, value, stale]);
  });

  test('a stale marker is told by the sum of a histogram', () => {
    expect(decodeAll(seriesOf(field('22', '19 020000000000f07f')))[1]).toMatchObject([
      'histogram',
      0,
      { count: 0n, sum: Number.NaN },
      true,
    ]);
  });
});

test('a schema above the highest is reduced to it, one above the reserved ones is refused', () => {
  // Buckets 1..4 of schema 9 hold one each.
  const buckets = ['0804', field('5a', '0802', '1004'), field('62', '02000000')];
  expect(decodeAll(seriesOf(field('22', '2012', ...buckets)))).toMatchObject([
    ['series', []],
    [
      'histogram',
      0,
      { schema: 8, positiveSpans: [{ offset: 1, length: 2 }], positiveDeltas: [2n, 0n] },
      false,
    ],
  ]);
  expect(decodeAll(seriesOf(field('22', '206a', ...buckets)))).toEqual([
    ['series', []],
    ['invalid histogram', 0, 'schema 53 is neither in -4..8 nor -53'],
  ]);
});

test('metadata has the words of Prometheus; a type from the future is unknown', () => {
  const one = (type: string) => hex(field('1a', `08${type} 120161 220162 2a0163`));
  expect(decodeAll(one('01'))).toEqual([
    ['metadata', { metric: 'a', type: 'counter', help: 'b', unit: 'c' }],
  ]);
  expect(decodeAll(one('63'))).toMatchObject([['metadata', { type: 'unknown' }]]);
});

test('metadata without a metric tells nothing, and help is cut to what a record can hold', () => {
  expect(decodeAll(hex('1a020801'))).toEqual([]);
  const help = 'x'.repeat(5000);
  const body = encodeWriteRequest([], [{ metric: 'm', type: 'gauge', help, unit: 'a\0b' }]);
  expect(decodeAll(body)).toEqual([
    ['metadata', { metric: 'm', type: 'gauge', help: 'x'.repeat(1024), unit: 'a\uFFFDb' }],
  ]);
});
