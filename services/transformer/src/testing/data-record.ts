import { createHash } from 'node:crypto';
import {
  fingerprintHex,
  fingerprintOf,
  sortLabels,
  SampleFlag,
  SampleKind,
  type LabelSet,
} from '@millrace/model';
import {
  encodeDefinitions,
  EventsRecordKind,
  IdentityKind,
  type DataRecord,
  type IdentityKindName,
} from '@millrace/wire';

/** A sample as a test writes it down. */
export interface TestSample {
  labels: Record<string, string>;
  timeUs: number;
  value: number;
  kind?: SampleKind;
  stale?: boolean;
  untimed?: boolean;
  id?: string;
  startUs?: number;
  histogram?: Uint8Array;
}

export interface TestPart {
  samples: readonly TestSample[];
  receivedAtUs: number;
  tenant?: string;
  identity?: { kind: IdentityKindName; key: string; part?: number };
  refused?: readonly number[];
  protocol?: string;
  receiver?: string;
  sequence: number;
  cumulativeSamples?: number;
  /** Samples that lie before it in the log for certain, and the lowest offset of their records. */
  acknowledged?: { samples: number; from: number };
}

export const TEST_TENANT = 'default';

export function labelSetOf(labels: Record<string, string>): LabelSet {
  return sortLabels(Object.entries(labels));
}

/** A data record as a receiver would have built it. */
export function dataRecord(part: TestPart): DataRecord {
  const tenant = part.tenant ?? TEST_TENANT;
  const series = new Map<string, { index: number; labels: LabelSet; fingerprint: Uint8Array }>();
  const kinds: number[] = [];
  const columns = part.samples.map((sample) => {
    const labels = labelSetOf(sample.labels);
    const kind = sample.kind ?? SampleKind.gauge;
    const fingerprint = fingerprintOf(tenant, labels);
    const key = `${fingerprintHex(fingerprint)}/${kind}`;
    let known = series.get(key);
    if (known === undefined) {
      known = { index: series.size, labels, fingerprint };
      series.set(key, known);
      kinds.push(kind);
    }
    return { index: known.index, sample, flags: flagsOf(sample) };
  });
  const all = [...series.values()];
  return {
    kind: EventsRecordKind.data,
    tenant,
    protocol: part.protocol ?? 'test',
    identityKind: IdentityKind[part.identity?.kind ?? 'none'],
    identity: identityBytes(part),
    part: part.identity?.part ?? 0,
    refused: Uint32Array.from(part.refused ?? []),
    receiver: part.receiver ?? '00000000000000aa',
    sequence: part.sequence,
    cumulativeSamples: part.cumulativeSamples ?? part.samples.length,
    acknowledgedSamples: part.acknowledged?.samples ?? 0,
    acknowledgedFrom: part.acknowledged?.from ?? -1,
    receivedAtUs: part.receivedAtUs,
    fingerprints: new Uint8Array(Buffer.concat(all.map((one) => one.fingerprint))),
    kinds: Uint8Array.from(kinds),
    definitions: encodeDefinitions(all.map((one) => one.labels)),
    seriesIndex: Uint32Array.from(columns, (c) => c.index),
    times: Float64Array.from(columns, (c) => c.sample.timeUs),
    values: Float64Array.from(columns, (c) => c.sample.value),
    flags: Uint8Array.from(columns, (c) => c.flags),
    ids: columns.flatMap((c) => (c.sample.id === undefined ? [] : [c.sample.id])),
    startTimes: Float64Array.from(columns.flatMap((c) => c.sample.startUs ?? [])),
    histograms: columns.flatMap((c) => c.sample.histogram ?? []),
    exemplars: [],
    metadata: [],
  };
}

function flagsOf(sample: TestSample): number {
  return (
    (sample.stale ? SampleFlag.stale : 0) |
    (sample.untimed ? SampleFlag.untimed : 0) |
    (sample.startUs === undefined ? 0 : SampleFlag.start) |
    (sample.histogram === undefined ? 0 : SampleFlag.histogram) |
    (sample.id === undefined ? 0 : SampleFlag.id)
  );
}

function identityBytes(part: TestPart): Uint8Array {
  if (part.identity === undefined || part.identity.kind === 'none') return new Uint8Array(0);
  const digest = createHash('sha256').update(`${part.identity.kind}/${part.identity.key}`).digest();
  return new Uint8Array(digest.subarray(0, 16));
}
