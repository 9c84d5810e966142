import { fingerprintHex, fingerprintOf, SampleKind } from '@millrace/model';
import { createPlacer, type CompiledRule, type CompiledRules, type Placer } from '@millrace/rules';
import { EventsRecordKind, type BarrierRecord } from '@millrace/wire';
import { labelSetOf, TEST_TENANT, type TestSample } from './data-record.ts';
import type { LoggedRecord } from './fold-run.ts';
import { windowKey, type NaiveWindow } from './naive-oracle.ts';

const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;

/** A sample that is new to its series. */
export interface OracleSample extends TestSample {
  /** It fell into a gap: its neighbours in time are forgotten, and no increase can be told. */
  inGap?: boolean;
}

/** A logged record with the samples it was made from; all of them distinct in (series, time). */
export interface OracleRecord extends LoggedRecord {
  samples?: readonly OracleSample[];
  /** Samples that nobody can tell from others: they mark their windows. */
  unverified?: readonly TestSample[];
  /** Of a part that was not seen before. */
  exemplars?: readonly OracleExemplar[];
}

export interface OracleExemplar {
  /** Of its series. */
  labels: Record<string, string>;
  timeUs: number;
  value: number;
  /** What the exemplar says beside its value. */
  tells: readonly (readonly [string, string])[];
}

/** One edition as the log's barriers make it. */
export interface OracleEdition {
  rule: CompiledRule;
  /** The whole set it was in force with, or beside what was, at last. */
  rules: CompiledRules;
  fromPosition: number;
  untilUs: number;
  endUs: number;
}

export interface OracleRun {
  editions: Map<number, OracleEdition>;
  windows: Map<string, NaiveWindow>;
  /** Entries that begin editions: edition, position, partition time, largest time, P. */
  begun: number[][];
  /** Entries that end editions: edition, position, until. */
  ended: number[][];
  /** Samples folded into editions that were not in force any more. */
  retiredTook: number;
  /** Raw samples by fingerprint, in log order. */
  raw: [series: string, timeUs: number, value: number][];
  /** The same of those that are native histograms; without bytes a stale marker. */
  rawHistograms: [series: string, timeUs: number, bytes: Uint8Array | undefined][];
  /** Of series that are kept raw, by fingerprint. */
  exemplars: [series: string, exemplar: OracleExemplar][];
  /** Totals as of each position. */
  totals: { accepted: number; stored: number; dropped: number }[];
}

/**
 * What a log's editions hold, computed the simple way: each sample is offered to every edition
 * there ever was, and lists are searched from one end to the other.
 */
export function oracleRun(log: readonly OracleRecord[]): OracleRun {
  const run: OracleRun = {
    editions: new Map(),
    windows: new Map(),
    begun: [],
    ended: [],
    retiredTook: 0,
    raw: [],
    rawHistograms: [],
    exemplars: [],
    totals: [],
  };
  const totals = { accepted: 0, stored: 0, dropped: 0 };
  const history = new Map<string, TestSample[]>();
  let inForce: BarrierRecord | undefined;
  let timeUs = 0;
  let largestUs = 0;
  let skewUs = 0;
  for (const [offset, logged] of log.entries()) {
    const { record, appendTimeUs, samples, unverified, exemplars } = logged;
    run.totals.push({ ...totals });
    if ('receivedAtUs' in record) {
      const capUs = record.receivedAtUs + (inForce?.settings.appendCapUs ?? 0);
      timeUs = Math.max(timeUs, Math.min(appendTimeUs, capUs));
    }
    const { number = 0 } = inForce ?? {};
    if (
      record.kind === EventsRecordKind.barrier &&
      record.number > number &&
      record.after <= number
    ) {
      skewUs = Math.max(skewUs, record.settings.futureSkewUs);
      changeEditions(run, inForce, record, { offset, timeUs, largestUs, skewUs });
      inForce = record;
    }
    for (const sample of samples ?? []) {
      largestUs = Math.max(largestUs, sample.timeUs);
      totals.accepted += 1;
      const labels = labelSetOf(sample.labels);
      const series = fingerprintHex(fingerprintOf(TEST_TENANT, labels));
      const placer = placerOf(inForce!.rules as CompiledRules);
      const { keepRaw, droppedBy } = placer.place(labels);
      if (keepRaw) keep(run, series, sample);
      if (keepRaw || (!sample.stale && droppedBy === undefined)) totals.stored += 1;
      else totals.dropped += 1;
      if (!sample.stale) foldNaively(run, history, sample, timeUs);
    }
    for (const sample of unverified ?? []) {
      largestUs = Math.max(largestUs, sample.timeUs);
      for (const target of targetsOf(run, sample, timeUs)) markNaively(run, target, sample.timeUs);
    }
    for (const exemplar of exemplars ?? []) {
      const labels = labelSetOf(exemplar.labels);
      if (!placerOf(inForce!.rules as CompiledRules).place(labels).keepRaw) continue;
      run.exemplars.push([fingerprintHex(fingerprintOf(TEST_TENANT, labels)), exemplar]);
    }
  }
  run.totals.push({ ...totals });
  return run;
}

function keep({ raw, rawHistograms }: OracleRun, series: string, sample: OracleSample): void {
  const { timeUs, value, histogram, stale } = sample;
  if (histogram === undefined) raw.push([series, timeUs, value]);
  else rawHistograms.push([series, timeUs, stale === true ? undefined : histogram]);
}

interface OracleMoment {
  offset: number;
  timeUs: number;
  largestUs: number;
  skewUs: number;
}

function changeEditions(
  { editions, begun, ended }: OracleRun,
  before: BarrierRecord | undefined,
  next: BarrierRecord,
  { offset, timeUs, largestUs, skewUs }: OracleMoment,
): void {
  const { settings, partitions } = next;
  const knownUs = Math.max(timeUs, largestUs);
  const [inForce, ...beside] = setsOf(next);
  for (const rules of [inForce!, ...beside]) {
    for (const rule of foldingOf(rules)) {
      const known = editions.get(rule.edition);
      if (known === undefined) begun.push([rule.edition, offset, timeUs, largestUs, partitions]);
      const fresh = { fromPosition: offset, untilUs: Infinity, endUs: Infinity };
      editions.set(rule.edition, { ...(known ?? fresh), rule, rules });
    }
  }
  const goesOn = new Set(setsOf(next).flatMap(({ rules }) => rules.map(({ edition }) => edition)));
  const [inForceBefore, ...besideBefore] = before === undefined ? [] : setsOf(before);
  for (const rule of besideBefore.flatMap(foldingOf)) {
    if (goesOn.has(rule.edition)) continue;
    editions.get(rule.edition)!.endUs = -Infinity;
    ended.push([rule.edition, offset, 0]);
  }
  const folding = foldingOf(inForce!);
  for (const rule of inForceBefore === undefined ? [] : foldingOf(inForceBefore)) {
    if (goesOn.has(rule.edition)) continue;
    const edition = editions.get(rule.edition)!;
    const isReplaced = folding.some(({ name }) => name === rule.name);
    edition.untilUs = beyond(isReplaced ? knownUs + HOUR + skewUs : knownUs);
    ended.push([rule.edition, offset, edition.untilUs]);
    edition.endUs = edition.untilUs + rule.widthsUs.at(-1)! + settings.identityHorizonUs;
  }
}

/** The rules in force, and those beside them. */
function setsOf({ rules, candidates = [] }: BarrierRecord): CompiledRules[] {
  return [rules, ...candidates.map((one) => one.rules)] as CompiledRules[];
}

function foldingOf({ rules }: CompiledRules): CompiledRule[] {
  return rules.filter(({ drop }) => drop !== true);
}

/** The first whole second that is later. */
function beyond(timeUs: number): number {
  return (Math.floor(timeUs / SECOND) + 1) * SECOND;
}

function foldNaively(
  run: OracleRun,
  history: Map<string, TestSample[]>,
  sample: OracleSample,
  partitionTimeUs: number,
): void {
  const input = fingerprintHex(fingerprintOf(TEST_TENANT, labelSetOf(sample.labels)));
  const isHistogram = sample.histogram !== undefined;
  // What has no single value is counted, and no counter goes on from it.
  const seen = isHistogram ? [] : (history.get(input) ?? []);
  const isGapped = sample.inGap === true && isCounter(sample) && !isHistogram;
  const before = seen.filter(({ timeUs }) => timeUs < sample.timeUs).at(-1);
  const after = isGapped ? undefined : seen.find(({ timeUs }) => timeUs > sample.timeUs);
  if (!isGapped && !isHistogram) {
    history.set(
      input,
      [...seen, sample].sort((a, b) => a.timeUs - b.timeUs),
    );
  }
  for (const target of targetsOf(run, sample, partitionTimeUs)) {
    const { edition } = target;
    const { timeUs, value, labels } = sample;
    const increase = isGapped || isHistogram ? 0 : naiveIncrease(before, sample);
    const hasIncrease = edition.rule.columns.includes('increase');
    windowAt(run, target, timeUs, (window) => {
      if (edition.untilUs < Infinity) run.retiredTook += 1;
      if (isHistogram) window.histograms = (window.histograms ?? 0) + 1;
      else window.values.push({ timeUs, value, input, labels });
      window.increase += increase;
      if (isGapped && hasIncrease) window.marked = true;
    });
    if (after === undefined) continue;
    const change = naiveIncrease(sample, after) - naiveIncrease(before, after);
    if (change === 0 || !hasIncrease) continue;
    windowAt(run, target, after.timeUs, (window) => {
      window.increase += change;
    });
  }
}

interface OracleTarget {
  edition: OracleEdition;
  series: string;
  widthUs: number;
}

/** What a sample reaches: one output series of each edition and width. */
function targetsOf(
  { editions }: OracleRun,
  sample: TestSample,
  partitionTimeUs: number,
): OracleTarget[] {
  const labels = labelSetOf(sample.labels);
  const found: OracleTarget[] = [];
  for (const edition of editions.values()) {
    if (edition.endUs <= partitionTimeUs) continue;
    const { targets } = placerOf(edition.rules).place(labels);
    const target = targets.find(({ rule }) => rule.edition === edition.rule.edition);
    if (target === undefined) continue;
    const series = fingerprintHex(fingerprintOf(TEST_TENANT, target.labels));
    for (const widthUs of edition.rule.widthsUs) found.push({ edition, series, widthUs });
  }
  return found;
}

function markNaively(run: OracleRun, target: OracleTarget, timeUs: number): void {
  windowAt(run, target, timeUs, (window) => {
    window.marked = true;
  });
}

function isCounter({ kind }: TestSample): boolean {
  return kind === SampleKind.cumulative || kind === SampleKind.unknown;
}

function naiveIncrease(from: TestSample | undefined, to: TestSample): number {
  if (to.kind === SampleKind.delta) return to.value;
  if (!isCounter(to) || from === undefined) return 0;
  return to.value < from.value ? to.value : to.value - from.value;
}

function windowAt(
  { windows }: OracleRun,
  { edition, series, widthUs }: OracleTarget,
  timeUs: number,
  change: (window: NaiveWindow) => void,
): void {
  const startUs = Math.floor(timeUs / widthUs) * widthUs;
  if (startUs >= edition.untilUs) return;
  const { edition: number } = edition.rule;
  const key = windowKey(number, series, widthUs, startUs);
  let window = windows.get(key);
  if (window === undefined) {
    const values: NaiveWindow['values'] = [];
    window = { edition: number, series, widthUs, startUs, values, increase: 0 };
    windows.set(key, window);
  }
  change(window);
}

const PLACERS = new WeakMap<CompiledRules, Placer>();

function placerOf(rules: CompiledRules): Placer {
  const placer = PLACERS.get(rules) ?? createPlacer(rules);
  PLACERS.set(rules, placer);
  return placer;
}
