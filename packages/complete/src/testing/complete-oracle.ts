import {
  ExponentialHistogram,
  fingerprintHex,
  fingerprintOf,
  HyperLogLog,
  PieceInputs,
  SampleFlag,
  SampleKind,
  type LabelSet,
} from '@millrace/model';
import { createPlacer, type CompiledRule, type CompiledRules } from '@millrace/rules';
import type { LoggedRecord } from '@millrace/transformer/testing';
import {
  DefinitionReader,
  EventsRecordKind,
  IdentityKind,
  REDRIVE_PROTOCOL,
  type DataRecord,
} from '@millrace/wire';

interface OracleSample {
  input: string;
  fingerprint: Uint8Array;
  tenant: string;
  labels: LabelSet;
  kind: number;
  flags: number;
  timeUs: number;
  value: number;
  startUs: number | undefined;
}

/** The values of a window in one partition, in the order in which complete mode folds them. */
interface OraclePart {
  values: { timeUs: number; value: number; fingerprint: Uint8Array; text: string | undefined }[];
  histograms: number;
  increases: number[];
}

export interface OracleWindow {
  rule: CompiledRule;
  parts: OraclePart[];
}

/**
 * All windows of all samples of a log, the simple way: everything is held, in lists. Written beside
 * the code that it is held against, and sharing nothing with it.
 */
export function oracleWindows(
  partitions: readonly (readonly LoggedRecord[])[],
  rules: CompiledRules,
): Map<string, OracleWindow> {
  const windows = new Map<string, OracleWindow>();
  const placer = createPlacer(rules);
  for (const [partition, records] of partitions.entries()) {
    const bySeries = new Map<string, OracleSample[]>();
    for (const sample of samplesOf(records)) {
      bySeries.set(sample.input, [...(bySeries.get(sample.input) ?? []), sample]);
    }
    for (const input of [...bySeries.keys()].sort()) {
      const samples = bySeries.get(input)!.toSorted((a, b) => a.timeUs - b.timeUs);
      const { tenant, labels } = samples[0]!;
      for (const target of placer.place(labels).targets) {
        const output = fingerprintHex(fingerprintOf(tenant, target.labels));
        for (const widthUs of target.rule.widthsUs) {
          samples.forEach((sample, i) => {
            if ((sample.flags & SampleFlag.stale) !== 0) return;
            const startUs = Math.floor(sample.timeUs / widthUs) * widthUs;
            const key = [target.rule.edition, output.slice(0, 16), widthUs, startUs].join(' ');
            const window = windows.get(key) ?? { rule: target.rule, parts: [] };
            windows.set(key, window);
            const part = (window.parts[partition] ??= { values: [], histograms: 0, increases: [] });
            if ((sample.flags & SampleFlag.histogram) !== 0) {
              part.histograms += 1;
              return;
            }
            const { timeUs, value, fingerprint } = sample;
            part.values.push({ timeUs, value, fingerprint, text: target.distinctText });
            part.increases.push(increaseOf(samples, i));
          });
        }
      }
    }
  }
  return windows;
}

/** What counts, in the order in which it came. */
function samplesOf(records: readonly LoggedRecord[]): OracleSample[] {
  const found: OracleSample[] = [];
  const labelsOf = new Map<string, LabelSet>();
  const seenRecords = new Set<string>();
  const seenParts = new Map<string, number[]>();
  const seenEvents = new Set<string>();
  const times = new Map<string, Set<number>>();
  for (const { record } of records) {
    if (record.kind !== EventsRecordKind.data) continue;
    learn(record, labelsOf);
    const name = `${record.receiver} ${record.sequence}`;
    if (seenRecords.has(name)) continue;
    seenRecords.add(name);
    const counting = countingOf(record, seenParts);
    if (record.protocol === REDRIVE_PROTOCOL) continue;
    for (const one of listSamples(record)) {
      if (counting !== undefined && !counting.includes(one.ordinal)) continue;
      const input = fingerprintHex(one.fingerprint);
      const isEvent = one.kind === SampleKind.event;
      const labels = isEvent ? one.defined : labelsOf.get(input);
      if (labels === undefined) continue;
      let { timeUs } = one;
      if (isEvent) {
        if (one.id !== undefined && seenEvents.has(`${input} ${one.id}`)) continue;
        if (one.id !== undefined) seenEvents.add(`${input} ${one.id}`);
      } else {
        const taken = times.get(input) ?? new Set<number>();
        times.set(input, taken);
        if ((one.flags & SampleFlag.untimed) !== 0) while (taken.has(timeUs)) timeUs += 1;
        if (taken.has(timeUs)) continue;
        taken.add(timeUs);
      }
      found.push({ ...one, input, labels, timeUs, tenant: record.tenant });
    }
  }
  return found;
}

function learn(record: DataRecord, labelsOf: Map<string, LabelSet>): void {
  const reader = new DefinitionReader(record.definitions);
  record.kinds.forEach((kind, s) => {
    const labels = reader.labels(s);
    if (kind === SampleKind.event || labels === undefined) return;
    labelsOf.set(fingerprintHex(record.fingerprints, 16 * s), labels);
  });
}

/** Undefined: all of its samples count. */
function countingOf(record: DataRecord, seen: Map<string, number[]>): number[] | undefined {
  if (record.identityKind === IdentityKind.none) return undefined;
  const key = `${Buffer.from(record.identity).toString('hex')} ${record.part}`;
  const refused = seen.get(key);
  if (refused === undefined) {
    seen.set(key, [...record.refused]);
    return undefined;
  }
  seen.set(
    key,
    refused.filter((ordinal) => record.refused.includes(ordinal)),
  );
  return refused;
}

function listSamples(record: DataRecord) {
  const reader = new DefinitionReader(record.definitions);
  const ids = [...record.ids];
  const starts = [...record.startTimes];
  const ordinals = Array.from(
    { length: record.values.length + record.refused.length },
    (_, i) => i,
  );
  const admitted = ordinals.filter((ordinal) => !record.refused.includes(ordinal));
  return Array.from(record.values, (value, i) => {
    const s = record.seriesIndex[i]!;
    const flags = record.flags[i]!;
    return {
      ...{ value, flags, timeUs: record.times[i]!, kind: record.kinds[s]! },
      fingerprint: record.fingerprints.slice(16 * s, 16 * s + 16),
      defined: reader.labels(s),
      // The last ordinals may have been refused: then there are none behind the samples.
      ordinal: admitted[i] ?? -1,
      id: (flags & SampleFlag.id) === 0 ? undefined : ids.shift()!,
      startUs: (flags & SampleFlag.start) === 0 ? undefined : starts.shift()!,
    };
  });
}

/** Of the sample at `i` of all samples of its series, by time. */
function increaseOf(samples: readonly OracleSample[], i: number): number {
  const { kind, value, timeUs } = samples[i]!;
  if (kind === SampleKind.delta) return value;
  if (!isCounter(kind)) return 0;
  const isValue = ({ flags, kind: of }: OracleSample): boolean =>
    of !== SampleKind.event && (flags & (SampleFlag.stale | SampleFlag.histogram)) === 0;
  const before = samples.slice(0, i).findLast(isValue);
  const startUs = samples
    .slice(0, i + 1)
    .filter((one) => isValue(one) && isCounter(one.kind))
    .reduce((most, one) => Math.max(most, one.startUs ?? -Infinity), -Infinity);
  const hasRestarted = startUs <= timeUs && startUs > (before?.timeUs ?? -Infinity);
  if (before === undefined || Number.isNaN(before.value)) return hasRestarted ? value : 0;
  return hasRestarted || value < before.value ? value : value - before.value;
}

function isCounter(kind: number): boolean {
  return kind === SampleKind.cumulative || kind === SampleKind.unknown;
}

/** The columns that complete mode must give a window, as one text. */
export function oracleColumns({ rule, parts }: OracleWindow): Record<string, unknown> {
  const there = parts.filter((part) => part !== undefined);
  const values = there.flatMap((part) => part.values);
  const has = (column: CompiledRule['columns'][number]): boolean => rule.columns.includes(column);
  const sums = there.map((part) => inTurn(part.values.map(({ value }) => value)));
  const increases = there.map((part) => inTurn(part.increases));
  const numbers = values.map(({ value }) => value).filter((value) => !Number.isNaN(value));
  const least = values.length === 0 ? undefined : NaN;
  const byTime = values.toSorted((a, b) => a.timeUs - b.timeUs);
  const [first, last] = [byTime[0], byTime.at(-1)];
  return {
    count: values.length + there.reduce((sum, { histograms }) => sum + histograms, 0),
    sum: has('sum') ? inTurn(sums) : undefined,
    min: has('min') ? (numbers.length > 0 ? Math.min(...numbers) : least) : undefined,
    max: has('max') ? (numbers.length > 0 ? Math.max(...numbers) : least) : undefined,
    first: has('first') ? first?.value : undefined,
    firstTimeUs: has('first') ? first?.timeUs : undefined,
    last: has('last') ? last?.value : undefined,
    lastTimeUs: has('last') ? last?.timeUs : undefined,
    increase: has('increase') ? inTurn(increases) : undefined,
    histogram: has('histogram') ? histogramOf(there) : undefined,
    distinct: has('distinct') ? distinctOf(rule, there) : undefined,
    inputs: has('inputs') ? inputsOf(there) : undefined,
  };
}

function inTurn(numbers: readonly number[]): number {
  return numbers.slice(1).reduce((sum, value) => sum + value, numbers[0] ?? 0);
}

function histogramOf(parts: readonly OraclePart[]): string | undefined {
  const merged = ExponentialHistogram.empty();
  const values = parts.flatMap((part) => part.values);
  for (const { value } of values) merged.add(value);
  return values.length === 0 ? undefined : hex(merged.encode());
}

function distinctOf(rule: CompiledRule, parts: readonly OraclePart[]): string | undefined {
  const merged = HyperLogLog.empty();
  let isEmpty = true;
  for (const { value, text } of parts.flatMap((part) => part.values)) {
    if (rule.distinctLabel !== null && text === undefined) continue;
    isEmpty = false;
    if (text === undefined) merged.addNumber(value);
    else merged.addText(text);
  }
  return isEmpty ? undefined : hex(merged.encode());
}

function inputsOf(parts: readonly OraclePart[]): string | undefined {
  const merged = PieceInputs.empty();
  const values = parts.flatMap((part) => part.values);
  for (const { fingerprint, timeUs, value } of values) merged.set(fingerprint, 0, timeUs, value);
  return values.length === 0 ? undefined : hex(merged.encode());
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
