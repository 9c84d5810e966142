import { SampleKind } from '@millrace/model';
import type { CompiledRules, Rule, RuleFile } from '@millrace/rules';
import {
  dataRecord,
  logStart,
  RuleVersions,
  runFold,
  type LoggedRecord,
  type TestSample,
} from '@millrace/transformer/testing';
import { EventsRecordKind, type BarrierRecord, type SealedRecord } from '@millrace/wire';
import type { Random } from '../sim/random.ts';

const SECOND = 1_000_000;
export const MINUTE: number = 60 * SECOND;
export const HOUR: number = 60 * MINUTE;
/** A full hour. */
export const T0: number = 1_699_999_200 * SECOND;
export const PARTITIONS = 3;
/** As many times as a series remembers: then none is ever unverified. */
const TIMES_MAX = 16;
const DAY_HOURS = 12;

const RULE = { match: 'm', aggregates: ['count', 'sum', 'increase'] };
const R: Rule = { ...RULE, name: 'r', by: ['job'], widths: ['5m', '1h'] };
/** What rule `r` may be: changed in one respect each, or not there. */
const R_VARIANTS: readonly (Rule | undefined)[] = [
  R,
  { ...R, keep_raw: false },
  { ...R, aggregates: ['count', 'sum', 'min', 'increase'] },
  { ...R, widths: ['7m'] },
  { ...R, widths: ['2h', '1d'] },
  { ...RULE, name: 'r', without: ['instance'], widths: ['5m', '1h'] },
  { ...R, match: 'm{job="a"}' },
  undefined,
];
/** The same under another name, or not. */
const OTHERS: readonly (Rule | undefined)[] = [undefined, { ...R, name: 'renamed' }, undefined];

/** Partitions under rules that change, everything that came, and what was put out. */
export interface ChangingWorld {
  samples: TestSample[];
  /** By edition: the set it was in force with. */
  rulesOf: ReadonlyMap<number, CompiledRules>;
  records: SealedRecord[][];
  /** Whether one partition was told of the rules hours after the others. */
  isOneStuck: boolean;
}

/** Some changes within a day, each told to the partitions one after the other. */
export function changingWorld(random: Random): ChangingWorld {
  const [, first] = logStart(variedRules(random));
  const barrier = { ...(first!.record as BarrierRecord), partitions: PARTITIONS };
  const versions = new RuleVersions(barrier);
  const rulesOf = new Map<number, CompiledRules>();
  const note = (): void => {
    for (const { edition } of versions.rules.rules) rulesOf.set(edition, versions.rules);
  };
  note();
  const isOneStuck = random.chance(0.4);
  const told = Array.from({ length: PARTITIONS }, (): LoggedRecord[] => []);
  let nowUs = T0 + HOUR;
  for (let i = 0; i < 5; i += 1) {
    nowUs += random.pick([20 * SECOND, 4 * MINUTE, 50 * MINUTE, 2.5 * HOUR]);
    const record = versions.next(variedRules(random));
    note();
    for (const [p, list] of told.entries()) {
      const stuckUs = isOneStuck && p === 1 && i < 3 ? 3 * HOUR : 0;
      const delayUs = random.pick([0, 2 * SECOND, 9 * MINUTE, 20 * MINUTE]) + stuckUs;
      const beforeUs = list.at(-1)?.appendTimeUs ?? 0;
      list.push({ record, appendTimeUs: Math.max(nowUs + delayUs, beforeUs + SECOND) });
    }
  }
  const arrived = told.map((_, p) => arrivalsOf(random, p));
  const records = told.map((barriers, p) => {
    const log = [logStart()[0]!, { record: barrier, appendTimeUs: 0 }];
    return foldOf([...log, ...timed(barriers, arrived[p]!)], random);
  });
  return { samples: arrived.flat().map(({ sample }) => sample), rulesOf, records, isOneStuck };
}

function variedRules(random: Random): RuleFile {
  return { rules: [random.pick(R_VARIANTS), random.pick(OTHERS)].flatMap((rule) => rule ?? []) };
}

interface Arrival {
  sample: TestSample;
  arrivesUs: number;
}

/** Counters of one partition: in time, late, or ahead. */
function arrivalsOf(random: Random, p: number): Arrival[] {
  const arrivals: Arrival[] = [];
  for (let series = 0; series < 4; series += 1) {
    const labels = { __name__: 'm', job: 'ab'[series % 2]!, instance: `${p}-${series}` };
    const times = new Set<number>();
    while (times.size < TIMES_MAX) times.add(random.int(DAY_HOURS * 60));
    for (const minute of times) {
      const timeUs = T0 + minute * MINUTE;
      const delayUs = random.pick([-4 * MINUTE, 0, 0, 3 * SECOND, 5 * MINUTE, HOUR, 4 * HOUR]);
      const sample = { labels, timeUs, value: random.int(100), kind: SampleKind.cumulative };
      arrivals.push({ sample, arrivesUs: timeUs + delayUs });
    }
  }
  return arrivals;
}

/** All of it in the order of the log, with a tick each minute and before each barrier. */
function timed(barriers: readonly LoggedRecord[], arrivals: readonly Arrival[]): LoggedRecord[] {
  const endUs = T0 + (DAY_HOURS + 6) * HOUR;
  const ticks = Array.from({ length: (endUs - T0) / MINUTE }, (_, i) => tickAt(T0 + i * MINUTE));
  const data = arrivals.map(({ sample, arrivesUs }, i): LoggedRecord => {
    const record = dataRecord({ samples: [sample], receivedAtUs: arrivesUs, sequence: i + 1 });
    return { record, appendTimeUs: arrivesUs };
  });
  const told = barriers.flatMap((one) => [tickAt(one.appendTimeUs), one]);
  const all = [...ticks, ...data, ...told].sort((a, b) => a.appendTimeUs - b.appendTimeUs);
  return [...all, tickAt(T0 + 100 * HOUR)];
}

function tickAt(nowUs: number): LoggedRecord {
  const record = { kind: EventsRecordKind.tick, receivedAtUs: nowUs } as const;
  return { record, appendTimeUs: nowUs };
}

/** Receivers number what they append in the order in which it comes. */
function foldOf(log: readonly LoggedRecord[], random: Random): SealedRecord[] {
  let sequence = 0;
  const numbered = log.map(({ record, appendTimeUs }) => {
    if (record.kind !== EventsRecordKind.data) return { record, appendTimeUs };
    sequence += 1;
    return { record: { ...record, sequence }, appendTimeUs };
  });
  return runFold(numbered, { cutAfter: () => random.chance(0.3) }).sealed;
}
