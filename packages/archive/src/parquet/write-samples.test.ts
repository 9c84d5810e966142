import { parquetReadObjects } from 'hyparquet';
import { fingerprintOf, SampleFlag, SampleKind, seriesIdOf, type LabelSet } from '@millrace/model';
import { loadZstd } from '@millrace/runtime';
import {
  encodeDefinitions,
  encodeEventsRecord,
  EventsRecordKind,
  IdentityKind,
} from '@millrace/wire';
import { expect, test } from 'vitest';
import { SamplesWriter } from './write-samples.ts';

const T0 = 1_700_000_000_000_000;
const SERIES: LabelSet[] = [
  [
    ['__name__', 'orders'],
    ['shop', 'a "b"'],
  ],
  [
    ['__name__', 'heat'],
    ['room', 'ü'],
  ],
];

/** Two samples of each series; labels only when they are to be there. */
function record(timeUs: number, hasLabels: boolean, flags = 0): Uint8Array {
  const fingerprints = SERIES.map((labels) => fingerprintOf('shop', labels));
  const defined = hasLabels ? SERIES : [];
  return encodeEventsRecord({
    ...{ kind: EventsRecordKind.data, tenant: 'shop', protocol: 'test', part: 0 },
    ...{ identityKind: IdentityKind.none, identity: new Uint8Array(), refused: new Uint32Array() },
    ...{ receiver: '00000000000000aa', sequence: 1, cumulativeSamples: 4 },
    ...{ acknowledgedSamples: 0, acknowledgedFrom: -1, receivedAtUs: timeUs },
    fingerprints: new Uint8Array(Buffer.concat(fingerprints)),
    kinds: Uint8Array.of(SampleKind.cumulative, SampleKind.gauge),
    definitions: {
      ...encodeDefinitions(defined),
      rows: Uint32Array.from(defined.keys()),
    },
    seriesIndex: Uint32Array.of(0, 1, 0, 1),
    times: Float64Array.of(timeUs, timeUs, timeUs + 1, timeUs + 1),
    values: Float64Array.of(1, 0.1 + 0.2, 2, -Infinity),
    flags: Uint8Array.of(0, flags, 0, 0),
    ...{ ids: [], startTimes: new Float64Array(), histograms: [], exemplars: [], metadata: [] },
  });
}

test('a row for each sample, with what the range says of its series', async () => {
  const writer = new SamplesWriter();
  await writer.add(7, record(T0, false));
  await writer.add(8, record(T0 + 10, true, SampleFlag.stale));
  await writer.add(9, encodeEventsRecord({ kind: EventsRecordKind.tick, receivedAtUs: T0 }));
  await writer.add(10, Uint8Array.of(1, 2, 3));
  await writer.add(11, record(T0 + 20, false));
  const bytes = await writer.finish();
  const { decompress } = await loadZstd();
  const rows = await parquetReadObjects({
    file: bytes.slice().buffer,
    compressors: { ZSTD: decompress },
    parsers: { timestampFromMicroseconds: (us: bigint) => Number(us) },
  });
  expect(rows).toHaveLength(12);
  const [orders, heat] = SERIES.map((labels) => seriesIdOf(fingerprintOf('shop', labels)));
  expect(rows[0]).toEqual({
    ...{ time: T0, tenant: 'shop', series_id: orders, metric: null, labels: null },
    ...{ kind: 'cumulative', value: 1, offset: 7n },
  });
  expect(rows[5]).toEqual({
    ...{ time: T0 + 10, tenant: 'shop', series_id: heat, metric: 'heat', labels: '{"room":"ü"}' },
    ...{ kind: 'gauge', value: null, offset: 8n },
  });
  expect(rows[9]).toMatchObject({ labels: '{"room":"ü"}', value: 0.1 + 0.2, offset: 11n });
  expect(rows[10]).toMatchObject({
    metric: 'orders',
    labels: JSON.stringify({ shop: 'a "b"' }),
    time: T0 + 21,
  });
  expect(rows[11]).toMatchObject({ value: -Infinity });
});
