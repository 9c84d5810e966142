import {
  formatLabels,
  SampleFlag,
  SampleKind,
  sortLabels,
  type NativeHistogram,
} from '@millrace/model';
import {
  compressSnappy,
  decodeHistogram,
  encodeWriteRequest,
  IdentityKind,
  type WriteSeries,
} from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeToken } from './token.ts';
import type { StartedReceiver } from './testing/start-receiver.ts';
import { useReceivers } from './testing/use-receivers.ts';

const start = useReceivers();

const T0 = 1_700_000_000_000;
const HEADERS = {
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'x-prometheus-remote-write-version': '0.1.0',
};

async function write(
  receiver: StartedReceiver,
  series: readonly WriteSeries[],
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = compressSnappy(encodeWriteRequest(series));
  return await receiver.post('/api/v1/write', body, { ...HEADERS, ...headers });
}

const up: WriteSeries = {
  labels: [
    ['__name__', 'up'],
    ['job', 'node'],
  ],
  samples: [
    [T0, 1],
    [T0 + 1000, 0],
  ],
};

const histogram: NativeHistogram = {
  float: false,
  count: 6n,
  sum: 12.5,
  schema: 3,
  zeroThreshold: 1e-128,
  zeroCount: 1n,
  negativeSpans: [],
  negativeDeltas: [],
  negativeCounts: [],
  positiveSpans: [{ offset: 0, length: 2 }],
  positiveDeltas: [2n, 1n],
  positiveCounts: [],
  resetHint: 0,
  customValues: [],
};

describe('POST /api/v1/write', () => {
  it('answers 204 without a body or Written headers once everything is durable', async () => {
    const receiver = await start();
    const response = await write(receiver, [up]);
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    const written = [...response.headers.keys()].filter((name) => name.includes('written'));
    expect(written).toEqual([]);
    const positions = decodeToken(response.headers.get('millrace-token')!);
    expect(positions).toEqual([{ partition: expect.any(Number), position: 1, logId: undefined }]);
    expect(await receiver.samples()).toEqual([
      {
        partition: positions![0]!.partition,
        labels: { __name__: 'up', job: 'node' },
        kind: SampleKind.unknown,
        timeUs: T0 * 1000,
        value: 1,
        flags: 0,
      },
      expect.objectContaining({ timeUs: (T0 + 1000) * 1000, value: 0 }),
    ]);
    const [record] = await receiver.records();
    expect(record).toMatchObject({
      protocol: 'remote_write.v1',
      identityKind: IdentityKind.digest,
      tenant: 'default',
    });
  });

  it('is also there at /api/v1/push', async () => {
    const { post, samples } = await start();
    const body = compressSnappy(encodeWriteRequest([up]));
    expect((await post('/api/v1/push', body, HEADERS)).status).toBe(204);
    expect(await samples()).toHaveLength(2);
  });

  it('gives a series one fingerprint whatever the order of its labels', async () => {
    const receiver = await start();
    await write(receiver, [up, { ...up, labels: up.labels.toReversed() }]);
    await write(receiver, [{ ...up, labels: [...up.labels, ['empty', '']] }]);
    await receiver.push({ name: 'up', labels: { job: 'node' }, value: 1, time: T0 });
    const prints = (await receiver.records()).flatMap(({ fingerprints }) => {
      const count = fingerprints.length / 16;
      return Array.from({ length: count }, (_, i) =>
        Buffer.from(fingerprints.subarray(i * 16, i * 16 + 16)).toString('hex'),
      );
    });
    expect(prints.length).toBeGreaterThanOrEqual(4);
    expect(new Set(prints).size).toBe(1);
  });

  it('keeps stale markers, NaN and infinities apart', async () => {
    const receiver = await start();
    const samples = [
      [T0, Number.NaN],
      [T0 + 1, 0, true],
      [T0 + 2, Number.POSITIVE_INFINITY],
    ] as const;
    expect((await write(receiver, [{ ...up, samples }])).status).toBe(204);
    const found = (await receiver.samples()).map(({ value, flags }) => [value, flags]);
    expect(found).toEqual([
      [Number.NaN, 0],
      [Number.NaN, SampleFlag.stale],
      [Number.POSITIVE_INFINITY, 0],
    ]);
  });

  it('keeps native histograms lossless, cumulative unless they are gauges', async () => {
    const receiver = await start();
    const gauge = { ...histogram, resetHint: 3 };
    const histograms = [
      { timestampMs: T0, histogram },
      { timestampMs: T0 + 1, histogram, stale: true },
      { timestampMs: T0 + 2, histogram: gauge },
    ];
    expect((await write(receiver, [{ ...up, samples: [], histograms }])).status).toBe(204);
    expect(await receiver.samples()).toMatchObject([
      { kind: SampleKind.cumulative, value: 12.5, flags: SampleFlag.histogram },
      {
        kind: SampleKind.cumulative,
        value: Number.NaN,
        flags: SampleFlag.histogram | SampleFlag.stale,
      },
      { kind: SampleKind.gauge, value: 12.5 },
    ]);
    const [record] = await receiver.records();
    expect(decodeHistogram(record!.histograms[0]!)).toEqual(histogram);
    expect(decodeHistogram(record!.histograms[2]!)).toEqual(gauge);
  });

  it('leaves out an exemplar whose time no record can carry, and keeps its series', async () => {
    const receiver = await start();
    const exemplars = [Number.MAX_SAFE_INTEGER, T0].map((timestampMs) => {
      return { timestampMs, value: 1, labels: [] };
    });
    await write(receiver, [{ ...up, exemplars }]);
    const [record] = await receiver.records();
    expect(record!.exemplars.map(({ timeUs }) => timeUs)).toEqual([T0 * 1000]);
    expect(record!.values).toHaveLength(2);
  });

  it('keeps exemplars with their series', async () => {
    const receiver = await start();
    const exemplars = [{ timestampMs: T0, value: 0.25, labels: [['trace_id', 'abc']] as const }];
    await write(receiver, [{ ...up, exemplars }]);
    const [record] = await receiver.records();
    expect(record!.exemplars).toEqual([
      { seriesIndex: 0, timeUs: T0 * 1000, value: 0.25, labels: [['trace_id', 'abc']] },
    ]);
  });

  it('takes a request that holds only metadata', async () => {
    const receiver = await start();
    const metadata = ['a', 'b', 'c', 'd', 'e'].map((metric) => {
      return { metric, type: 'counter', help: `What ${metric} counts.`, unit: '' };
    });
    const body = compressSnappy(encodeWriteRequest([], metadata));
    expect((await receiver.post('/api/v1/write', body, HEADERS)).status).toBe(204);
    const found = (await receiver.records()).flatMap((record) => record.metadata);
    expect(found.toSorted((a, b) => a.metric.localeCompare(b.metric))).toEqual(metadata);
  });

  it('takes an empty request', async () => {
    const receiver = await start();
    expect((await write(receiver, [])).status).toBe(204);
    expect(await receiver.records()).toEqual([]);
  });

  it('keeps the good series beside bad ones, and answers 400 with the reasons', async () => {
    const receiver = await start();
    const broken = { ...histogram, count: 99n };
    const response = await write(receiver, [
      { labels: [['job', 'nameless']], samples: [[T0, 1]] },
      up,
      { ...up, labels: [...up.labels, ['job', 'twice']] },
      {
        ...up,
        labels: [
          ['__name__', 'up'],
          ['x', 'y'.repeat(2000)],
        ],
      },
      { ...up, samples: [[2 ** 53, 1]] },
      {
        ...up,
        samples: [
          [Date.now() + 3_600_000, 1],
          [T0 + 5, 5],
        ],
      },
      { ...up, samples: [], histograms: [{ timestampMs: T0, histogram: broken }] },
      { labels: [], samples: [[T0, 1]] },
    ]);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const lines = (await response.text()).split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^missing_name: 2 samples refused \(sample 0: .*\)\. Give every/),
      expect.stringMatching(/^duplicate_label: 2 samples refused/),
      expect.stringMatching(/^label_value_too_long: 2 samples refused/),
      expect.stringMatching(/^time_out_of_range: 1 samples refused/),
      expect.stringMatching(/^time_too_far_in_future: 1 samples refused/),
      expect.stringMatching(/^histogram_invalid: 1 samples refused/),
      'All other samples (3) were accepted; do not send them again.',
      '',
    ]);
    expect((await receiver.samples()).map(({ value }) => value)).toEqual([1, 0, 5]);
    const [record] = await receiver.records();
    expect([...record!.refused]).toEqual([2]);
  });

  it('refuses seconds for milliseconds, and cuts the request as if it had taken them', async () => {
    const receiver = await start();
    const seconds = Math.floor(T0 / 1000);
    const send = async (at: number): Promise<string> => {
      const samples: WriteSeries['samples'] = [
        [T0, 1],
        [at, 2],
        [T0 + 2, 3],
      ];
      return await (await write(receiver, [{ ...up, samples }])).text();
    };
    // The second time its series is known, and read in another way.
    for (const answer of [await send(seconds), await send(seconds)]) {
      expect(answer).toMatch(/^time_out_of_range: 1 samples refused/);
      expect(answer).toContain(`the time is ${seconds}, which are seconds and not milliseconds`);
      expect(answer).toContain('All other samples (2) were accepted');
    }
    const records = await receiver.records();
    expect(records.map(({ refused }) => [...refused])).toEqual([[1], [1]]);
    expect((await receiver.samples()).map(({ value }) => value)).toEqual([1, 3, 1, 3]);
    expect(await send(seconds * 1e6)).toContain('which are microseconds and not milliseconds');
    expect(await send(seconds * 1e9)).toContain('as nanoseconds are, and not in milliseconds');
  });

  it('answers 400 when nothing is left of a request', async () => {
    const receiver = await start();
    const response = await write(receiver, [{ labels: [['a', 'b']], samples: [[T0, 1]] }]);
    expect(response.status).toBe(400);
    expect(await receiver.records()).toEqual([]);
  });

  it('refuses one series for invalid UTF-8, and keeps the next', async () => {
    const receiver = await start();
    const plain = Buffer.from(
      encodeWriteRequest([{ labels: [['__name__', 'QQ']], samples: [[T0, 1]] }, up]),
    );
    plain.write('\xff\xfe', plain.indexOf('QQ'), 'latin1');
    const response = await receiver.post('/api/v1/write', compressSnappy(plain), HEADERS);
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/^invalid_utf8: 1 samples refused/);
    expect(await receiver.samples()).toHaveLength(2);
  });

  it('refuses a histogram that is too large, and keeps the series', async () => {
    const receiver = await start({ settings: { histogramBytesMax: 20 } });
    const histograms = [{ timestampMs: T0, histogram }];
    const response = await write(receiver, [{ ...up, histograms }]);
    expect(await response.text()).toMatch(/^sample_too_large: 1 samples refused/);
    expect(await receiver.samples()).toHaveLength(2);
  });

  it('recognises its series again after its cache started from nothing', async () => {
    const receiver = await start({ settings: { seriesCacheCountMax: 7 }, partitions: 2 });
    const series = Array.from({ length: 40 }, (_, i): WriteSeries => {
      return {
        labels: [
          ['__name__', `m${i % 20}`],
          ['i', `${i % 20}`],
        ],
        samples: [[T0 + i, i]],
      };
    });
    for (let round = 0; round < 3; round += 1) {
      expect((await write(receiver, series)).status).toBe(204);
    }
    const samples = await receiver.samples();
    expect(samples).toHaveLength(120);
    for (const { labels, value } of samples) {
      expect(labels).toEqual({ __name__: `m${value % 20}`, i: `${value % 20}` });
    }
  });

  it('keeps every sample of whatever series, known or new, in whatever words', async () => {
    const receiver = await start({ settings: { partBytesMax: 100_000, histogramBytesMax: 1000 } });
    const sent: string[] = [];
    const describeSample = (labels: Record<string, string>, timeMs: number, value: number) =>
      JSON.stringify([formatLabels(sortLabels(Object.entries(labels))), timeMs, value]);
    const earliest = Date.UTC(1971, 0);
    const text = fc.constantFrom('a', 'b', 'ä', '\u{1f600}', 'x y', '"', 'zz');
    const labelsOf = fc.uniqueArray(fc.tuple(text, fc.oneof(text, fc.constant(''))), {
      selector: ([name]) => name,
      maxLength: 4,
    });
    const series = fc
      .record({
        name: text,
        labels: labelsOf,
        nameFirst: fc.boolean(),
        // The first weeks of 1970 are refused: see `time_out_of_range`.
        samples: fc.array(fc.tuple(fc.integer({ min: earliest, max: T0 }), fc.integer()), {
          maxLength: 3,
        }),
      })
      .map(({ name, labels, nameFirst, samples }): WriteSeries => {
        const named = ['__name__', name] as const;
        return { labels: nameFirst ? [named, ...labels] : [...labels, named], samples };
      });
    await fc.assert(
      fc.asyncProperty(fc.array(series, { maxLength: 30 }), async (request) => {
        expect((await write(receiver, request)).status).toBe(204);
        for (const { labels, samples } of request) {
          const kept = Object.fromEntries(labels.filter(([, value]) => value !== ''));
          for (const [timeMs, value] of samples) sent.push(describeSample(kept, timeMs, value));
        }
      }),
      { numRuns: 40 },
    );
    const found = (await receiver.samples()).map(({ labels, timeUs, value }) =>
      describeSample(labels, timeUs / 1000, value),
    );
    expect(found.toSorted()).toEqual(sent.toSorted());
  });

  it('takes what names no type or encoding, as older senders do', async () => {
    const { url, samples } = await start();
    const body = new Blob([compressSnappy(encodeWriteRequest([up])) as Uint8Array<ArrayBuffer>]);
    const response = await fetch(`${url}/api/v1/write`, { method: 'POST', body });
    expect(response.status).toBe(204);
    expect(await samples()).toHaveLength(2);
  });

  const unsupported: [what: string, headers: Record<string, string>, code: string][] = [
    [
      'version 2.0',
      { 'content-type': 'application/x-protobuf; proto=io.prometheus.write.v2.Request' },
      'unsupported_media_type',
    ],
    ['JSON', { 'content-type': 'application/json' }, 'unsupported_media_type'],
    ['gzip', { 'content-encoding': 'gzip' }, 'unsupported_encoding'],
    ['zstd', { 'content-encoding': 'zstd' }, 'unsupported_encoding'],
  ];
  it.each(unsupported)('answers 415 to %s', async (_what, headers, code) => {
    const receiver = await start();
    const response = await write(receiver, [up], headers);
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ status: 415, code });
    expect(await receiver.records()).toEqual([]);
  });

  it('tells a sender of 2.0 what to set', async () => {
    const [, headers] = unsupported[0]!;
    const response = await write(await start(), [up], headers);
    expect(await response.json()).toMatchObject({
      detail: expect.stringMatching(/2\.0; leave protobuf_message out/) as string,
    });
  });
});
