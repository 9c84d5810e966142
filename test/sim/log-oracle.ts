import {
  fingerprintHex,
  fingerprintOf,
  SampleFlag,
  SampleKind,
  type LedgerTotals,
} from '@millrace/model';
import {
  labelSetOf,
  TEST_TENANT,
  type OracleRecord,
  type OracleSample,
  type TestSample,
} from '@millrace/transformer/testing';
import {
  decodeHistogram,
  EntryType,
  EventsRecordKind,
  IdentityKind,
  type AddressedEntry,
  type DataRecord,
  type EventsRecord,
  type HistogramEntry,
  type MetricMetadata,
  type UnverifiedEntry,
} from '@millrace/wire';
import { exemplarsOf, noteLabels, samplesOf, type SaidLabels } from './record-samples.ts';
import { foundKey } from './sample-key.ts';
import { SeriesTimes, type SimValue, type TimesPromise } from './series-times.ts';
import { exemplarKey, metadataKey } from './sim-besides.ts';

export interface SimRecord {
  record: EventsRecord;
  appendTimeUs: number;
}

/** What the log of one partition holds, told apart the simple way. */
export interface LogOracle {
  records: OracleRecord[];
  /** What the ledger must say; `stored` and `dropped` as if all fresh ones were kept raw. */
  totals: Omit<LedgerTotals, 'tenant'>;
  /** Keys and values of all samples, and of what came beside them. */
  found: Set<string>;
  /** By metric, as the last part that was not seen before has it. */
  metadata: Map<string, MetricMetadata>;
  /** Samples without a time of their own. */
  untimed: number;
  problems: string[];
  /** Labels that its records said, by fingerprint: later ones leave them out. */
  labels: SaidLabels;
}

/** What is known of the samples, beside the log. */
export interface SampleOrigin {
  /** Whether a sample that was never seen before may be unverified all the same. */
  mayBeUntold: (sample: TestSample) => boolean;
  stepUs: number;
}

interface OracleState extends LogOracle {
  /** Records by receiver and sequence: what the log has twice counts once. */
  appended: Set<string>;
  /** Ordinals of each part that are still refused. */
  parts: Map<string, Set<number>>;
  /** Of events, by series and id. */
  ids: Set<string>;
  series: Map<string, SeriesTimes>;
  /** Times that a receiver has given to samples without one. */
  arrivals: Set<string>;
  /** How often each sample was put out as one that cannot be told, by offset. */
  untold: Map<string, number>;
  /** How often each sample of the record at hand is still to come. */
  toCome: Map<string, number>;
  promise: TimesPromise | undefined;
  origin: SampleOrigin;
}

/**
 * Which sample is new and which came before follows from the log and from what was put out of
 * it as unverified; that it may be unverified, and that nothing else is, is checked here.
 */
export function readLog(
  records: readonly SimRecord[],
  entries: readonly AddressedEntry[],
  origin: SampleOrigin,
): LogOracle {
  const state: OracleState = {
    records: [],
    totals: {
      accepted: 0,
      stored: 0,
      duplicate: 0,
      conflict: 0,
      dropped: 0,
      unverified: 0,
      deadLetter: 0,
    },
    found: new Set(),
    metadata: new Map(),
    untimed: 0,
    problems: [],
    labels: new Map(),
    appended: new Set(),
    parts: new Map(),
    ids: new Set(),
    series: new Map(),
    arrivals: new Set(),
    untold: countUntold(entries),
    toCome: new Map(),
    promise: undefined,
    origin,
  };
  for (const [offset, { record, appendTimeUs }] of records.entries()) {
    if (record.kind === EventsRecordKind.barrier) {
      const { rememberedTimesMax: rememberedMax, gapsMax } = record.settings;
      state.promise ??= { rememberedMax, gapsMax, stepUs: origin.stepUs };
    }
    if (record.kind !== EventsRecordKind.data) state.records.push({ record, appendTimeUs });
    else state.records.push({ record, appendTimeUs, ...readData(state, record, offset) });
  }
  const left = [...state.untold].filter(([, count]) => count > 0).length;
  if (left > 0) state.problems.push(`${left} samples were unverified, and not in the log`);
  return state;
}

function countUntold(entries: readonly AddressedEntry[]): Map<string, number> {
  const untold = new Map<string, number>();
  const add = (offset: number, id: Uint8Array, timeUs: number, value: number): void => {
    const seriesId = Buffer.from(id.subarray(0, 8)).toString('hex');
    addOne(untold, `${offset} ${seriesId} ${timeUs} ${value}`);
  };
  for (const { address, type, value } of entries) {
    if (type === EntryType.unverified) {
      const { fingerprint, timeUs, value: number } = value as UnverifiedEntry;
      add(address.offset, fingerprint, timeUs, number);
    } else if (type === EntryType.sample) {
      const [id, timeUs, number, flags] = value as [Uint8Array, number, number, number];
      if ((flags & SampleFlag.unverified) !== 0) add(address.offset, id, timeUs, number);
    } else if (type === EntryType.histogram) {
      const { fingerprint, timeUs, flags, histogram } = value as HistogramEntry;
      if ((flags & SampleFlag.unverified) === 0) continue;
      add(address.offset, fingerprint, timeUs, decodeHistogram(histogram).sum);
    }
  }
  return untold;
}

function addOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

type ReadData = Required<Pick<OracleRecord, 'exemplars'>> & {
  samples: OracleSample[];
  unverified: TestSample[];
};

function readData(state: OracleState, record: DataRecord, offset: number): ReadData {
  const samples: OracleSample[] = [];
  const unverified: TestSample[] = [];
  const { totals, found } = state;
  noteLabels(record, state.labels);
  const exemplars = exemplarsOf(record, state.labels);
  const name = `${record.receiver} ${record.sequence}`;
  if (state.appended.has(name)) return { samples, unverified, exemplars: [] };
  state.appended.add(name);
  const { isNew, isJudged } = judgePart(state, record);
  state.toCome.clear();
  for (const [ordinal, sample] of samplesOf(record, state.labels)) {
    if (isJudged(ordinal)) addOne(state.toCome, untoldKey(sample, offset));
  }
  for (const [ordinal, sample] of samplesOf(record, state.labels)) {
    totals.accepted += 1;
    found.add(foundKey(sample));
    noteArrival(state, record, sample);
    if (!isJudged(ordinal)) totals.duplicate += 1;
    else judge(state, sample, offset, { samples, unverified });
  }
  for (const exemplar of exemplars) found.add(exemplarKey(exemplar));
  for (const metadata of record.metadata) {
    found.add(metadataKey(metadata));
    if (isNew) state.metadata.set(metadata.metric, metadata);
  }
  return { samples, unverified, exemplars: isNew ? exemplars : [] };
}

/** A receiver gives each arrival a time of its own. */
function noteArrival(state: OracleState, { receiver }: DataRecord, sample: TestSample): void {
  if (sample.untimed !== true) return;
  state.untimed += 1;
  const key = `${receiver} ${sample.timeUs}`;
  if (state.arrivals.has(key)) state.problems.push(`${receiver} gave ${sample.timeUs} away twice`);
  state.arrivals.add(key);
}

/** Whether a part is new; and whether a sample of it is looked at, by its ordinal. */
function judgePart(
  state: OracleState,
  record: DataRecord,
): { isNew: boolean; isJudged: (ordinal: number) => boolean } {
  if (record.identityKind === IdentityKind.none) return { isNew: true, isJudged: () => true };
  const key = `${Buffer.from(record.identity).toString('hex')} ${record.part}`;
  const refused = state.parts.get(key);
  const again = new Set(record.refused);
  if (refused === undefined) {
    state.parts.set(key, again);
    return { isNew: true, isJudged: () => true };
  }
  state.parts.set(key, new Set([...refused].filter((ordinal) => again.has(ordinal))));
  return { isNew: false, isJudged: (ordinal) => refused.has(ordinal) };
}

function judge(
  state: OracleState,
  sample: TestSample,
  offset: number,
  into: { samples: OracleSample[]; unverified: TestSample[] },
): void {
  const { totals } = state;
  const series = fingerprintHex(fingerprintOf(TEST_TENANT, labelSetOf(sample.labels)));
  if (sample.kind === SampleKind.event) {
    const id = sample.id === undefined ? undefined : `${series} ${sample.id}`;
    if (id !== undefined && state.ids.has(id)) totals.duplicate += 1;
    else {
      if (id !== undefined) state.ids.add(id);
      into.samples.push(sample);
    }
    return;
  }
  const times = state.series.get(series) ?? new SeriesTimes(state.promise!);
  state.series.set(series, times);
  if (sample.untimed === true) {
    // An arrival is one of its own, wherever its time lies.
    const timeUs = times.freeFrom(sample.timeUs);
    into.samples.push({ ...sample, timeUs, inGap: timeUs <= times.floorUs });
    times.add(timeUs, sample.value);
    return;
  }
  const key = untoldKey(sample, offset);
  const untold = state.untold.get(key) ?? 0;
  const toCome = state.toCome.get(key) ?? 0;
  state.toCome.set(key, toCome - 1);
  // Of equal ones in one record the first may be new, and then those behind it cannot be told.
  if (untold > 0 && (untold >= toCome || times.has(sample.timeUs))) {
    state.untold.set(key, untold - 1);
    totals.unverified += 1;
    into.unverified.push(sample);
    const mayBe =
      times.has(sample.timeUs) ||
      times.mayBeForgotten(sample.timeUs) ||
      state.origin.mayBeUntold(sample);
    if (sample.timeUs <= times.floorUs && mayBe) return;
    state.problems.push(`record ${offset}: a sample at ${sample.timeUs} is not to be told`);
    return;
  }
  const known = times.valueOf(sample.timeUs);
  const value = comparedValue(sample);
  if (known === undefined) {
    into.samples.push({ ...sample, inGap: sample.timeUs <= times.floorUs });
    times.add(sample.timeUs, value);
  } else if (Object.is(known, value)) totals.duplicate += 1;
  else totals.conflict += 1;
}

function untoldKey(sample: TestSample, offset: number): string {
  const series = fingerprintHex(fingerprintOf(TEST_TENANT, labelSetOf(sample.labels)));
  return `${offset} ${series.slice(0, 16)} ${sample.timeUs} ${sample.value}`;
}

function comparedValue({ stale, value, histogram }: TestSample): SimValue {
  if (histogram !== undefined) return Buffer.from(histogram).toString('hex');
  return stale === true ? NaN : value;
}
