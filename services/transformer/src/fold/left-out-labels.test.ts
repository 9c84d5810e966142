import { SampleKind, unaccounted, type LedgerTotals } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import {
  EntryType,
  EventsRecordKind,
  type DeadLetterEntry,
  type DefinitionEntry,
  type FoldSettings,
} from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { LABEL_BYTES_MAX } from '../memory/label-memory.ts';
import { dataRecord, type TestPart, type TestSample } from '../testing/data-record.ts';
import { entryTexts, logStart, runFold, type LoggedRecord } from '../testing/fold-run.ts';
import { leaveOutLabels, withDefined } from '../testing/left-out-labels.ts';
import { RuleVersions } from '../testing/rule-versions.ts';
import { TIGHT_SETTINGS, variedLog, type VariedLogParams } from '../testing/varied-log.ts';

const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
const T0 = 1_700_000_040 * SECOND;
const SEEDS = [5, 11];

describe.each<[what: string, Omit<VariedLogParams, 'records'>]>([
  ['usual bounds', {}],
  ['bounds that are reached all the time', { settings: TIGHT_SETTINGS }],
  ['rules and settings that change', { changes: 0.2 }],
  ['losses and redriven letters', { changes: 0.1, losses: 0.05, redriven: 0.1 }],
])('labels that records leave out, under %s', (_what, params) => {
  const logs = SEEDS.map((seed) => roomy(variedLog(seed, { records: 70, ...params })));

  it('are those that the log said before: the entries are the same', () => {
    for (const log of logs) {
      const shorter = leaveOutLabels(log);
      expect(definedIn(shorter)).toBeLessThan(0.9 * definedIn(log));
      const whole = entryTexts(runFold(log).entries);
      expect(entryTexts(runFold(shorter).entries)).toEqual(whole);
      const often = runFold(shorter, { restartAfter: (offset) => offset % 2 === 0 });
      expect(entryTexts(often.entries)).toEqual(whole);
    }
  });

  it('are missing when the log has lost them, and then also after each restart', () => {
    let undefinedSamples = 0;
    for (const log of logs) {
      const lossy = leaveOutLabels(log).filter(
        ({ record }, i) => record.kind !== EventsRecordKind.data || i % 4 !== 3,
      );
      const whole = runFold(lossy);
      const { entries } = runFold(lossy, { restartAfter: (offset) => offset % 2 === 1 });
      expect(entryTexts(entries)).toEqual(entryTexts(whole.entries));
      const letters = whole.entries.filter(({ type }) => type === EntryType.deadLetter);
      const totals = [...whole.fold.tables!.ledger.all()];
      for (const one of totals) expect(unaccounted(one)).toBe(one.lost ?? 0);
      expect(totals.reduce((sum, { deadLetter }) => sum + deadLetter, 0)).toBe(letters.length);
      undefinedSamples += letters.length;
    }
    expect(undefinedSamples).toBeGreaterThan(5);
  });
});

/** Bounds of other things must not make the logs differ: without labels a sample is lost. */
function roomy(log: readonly LoggedRecord[]): LoggedRecord[] {
  return log.map((one) => {
    if (one.record.kind !== EventsRecordKind.barrier) return one;
    const settings = { ...one.record.settings, labelSetsMax: 1000 };
    return { ...one, record: { ...one.record, settings } };
  });
}

function definedIn(log: readonly LoggedRecord[]): number {
  return log.reduce((sum, { record }) => {
    return sum + (record.kind === EventsRecordKind.data ? record.definitions.rows.length : 0);
  }, 0);
}

/** A log of parts whose labels are all there, all left out, or what `rows` says. */
class PartLog {
  readonly records: LoggedRecord[];
  #nowUs = T0;
  #sequence = 0;

  constructor(settings: Partial<FoldSettings> = {}, rules?: RuleFile) {
    this.records = logStart(rules, settings);
  }

  part(samples: readonly TestSample[], rows: number[], more: Partial<TestPart> = {}): this {
    this.#nowUs += SECOND;
    this.#sequence += 1;
    const head = { sequence: this.#sequence, receivedAtUs: this.#nowUs };
    const record = withDefined(dataRecord({ samples, ...head, ...more }), Uint32Array.from(rows));
    this.records.push({ record, appendTimeUs: this.#nowUs });
    return this;
  }

  wait(us: number): this {
    this.#nowUs += us;
    const record = { kind: EventsRecordKind.tick, receivedAtUs: this.#nowUs };
    this.records.push({ record, appendTimeUs: this.#nowUs });
    return this;
  }
}

/** Folds all of it, in one go and with restarts; both must say the same. */
function folded({ records }: PartLog): {
  totals: Readonly<LedgerTotals>;
  letters: DeadLetterEntry[];
  run: Run;
} {
  const run = runFold(records);
  const restarted = runFold(records, { restartAfter: () => true });
  expect(entryTexts(restarted.entries)).toEqual(entryTexts(run.entries));
  const letters = run.entries.filter(({ type }) => type === EntryType.deadLetter);
  return {
    totals: [...run.fold.tables!.ledger.all()][0]!,
    letters: letters.map(({ value }) => value as DeadLetterEntry),
    run,
  };
}

type Run = ReturnType<typeof runFold>;

const gauge = (name: string, seconds: number, value = seconds): TestSample => ({
  labels: { __name__: name, job: 'a' },
  timeUs: T0 + seconds * SECOND,
  value,
});

describe('a sample whose series is defined nowhere', () => {
  it('is a dead letter with its reason, and touches nothing else', () => {
    const log = new PartLog().part([gauge('a', 1), gauge('b', 1)], [0]).part([gauge('b', 2)], [0]);
    const { totals, letters, run } = folded(log.part([gauge('b', 1)], []));
    expect(totals).toMatchObject({ accepted: 4, stored: 3, deadLetter: 1, duplicate: 0 });
    expect(letters).toMatchObject([
      { reason: 'series_undefined', timeUs: T0 + SECOND, value: 1, tenant: 'default' },
    ]);
    expect(run.fold.tables!.series.size).toBe(2);
  });

  it('of events is one wherever the labels were said before: events carry theirs', () => {
    const order = { ...gauge('orders', 1), kind: SampleKind.event };
    const log = new PartLog().part([order], [0]).part([order], []);
    expect(folded(log).totals).toMatchObject({ accepted: 2, stored: 1, deadLetter: 1 });
  });

  it('is a duplicate when its part was seen before', () => {
    const identity = { kind: 'key', key: 'k' } as const;
    const log = new PartLog().part([gauge('a', 1)], [], { identity });
    const { totals } = folded(log.part([gauge('a', 1)], [], { identity }));
    expect(totals).toMatchObject({ accepted: 2, deadLetter: 1, duplicate: 1 });
  });

  it('takes its exemplars along', () => {
    const log = new PartLog().part([gauge('a', 1)], []);
    const { record } = log.records.at(-1)!;
    if (record.kind !== EventsRecordKind.data) throw new Error('no data');
    record.exemplars.push({ seriesIndex: 0, timeUs: T0, value: 3, labels: [] });
    const { run } = folded(log);
    expect(run.entries.some(({ type }) => type === EntryType.exemplar)).toBe(false);
  });
});

describe('labels are learned', () => {
  it('from a part that is a repeat, and from a record that was appended again', () => {
    const identity = { kind: 'key', key: 'k' } as const;
    const log = new PartLog().part([gauge('a', 1)], [0], { identity });
    log.part([gauge('a', 1), gauge('b', 1)], [0, 1], { identity });
    log.part([gauge('b', 2)], []);
    log.part([gauge('c', 1)], [0], { sequence: 3 }).part([gauge('c', 2)], [], { sequence: 4 });
    const { totals } = folded(log);
    expect(totals).toMatchObject({ accepted: 5, stored: 3, duplicate: 2, deadLetter: 0 });
  });

  it('and placed anew under other rules, and put out again the day after', () => {
    const log = new PartLog({ seriesIdleUs: 48 * HOUR }).part([gauge('a', 1)], [0]);
    const first = log.records[1]!.record;
    if (first.kind !== EventsRecordKind.barrier) throw new Error('no barrier');
    const rule = { name: 'by-job', match: 'a', without: ['job'], widths: ['10s'] };
    const barrier = new RuleVersions(first).next({ rules: [rule] } as RuleFile);
    log.records.push({ record: barrier, appendTimeUs: T0 });
    log.part([gauge('a', 2)], []).wait(20 * HOUR);
    for (let hours = 0; hours < 12; hours += 1) log.wait(HOUR).part([gauge('a', 3 + hours)], []);
    const { run, totals } = folded(log);
    const names = run.entries.flatMap(({ type, value }) =>
      type === EntryType.definition ? [labelsOf(value as DefinitionEntry)] : [],
    );
    // The day of each turns once or twice in these hours, at a time of its own.
    for (const name of ['__name__=a job=a', '__name__=a']) {
      expect(names.filter((one) => one === name).length).toBeGreaterThan(1);
    }
    expect(totals).toMatchObject({ accepted: 14, stored: 14 });
  });
});

function labelsOf({ labels }: DefinitionEntry): string {
  return labels.map(([name, value]) => `${name}=${value}`).join(' ');
}

describe('labels are forgotten', () => {
  it('when they were not defined again for as long as series are kept', () => {
    const log = new PartLog({ seriesIdleUs: 2 * HOUR }).part([gauge('a', 1)], [0]);
    // Samples alone keep no labels, and a definition within the hour is not noted.
    for (let i = 2; i < 7; i += 1) log.wait(HOUR / 2).part([gauge('a', i)], i === 2 ? [0] : []);
    const { totals, letters } = folded(log.wait(HOUR / 2).part([gauge('a', 9)], []));
    expect(totals).toMatchObject({ accepted: 7, stored: 6, deadLetter: 1 });
    expect(letters[0]!.value).toBe(9);
  });

  it('after an hour at the earliest, however short series are kept', () => {
    const log = new PartLog({ seriesIdleUs: SECOND }).part([gauge('a', 1)], [0]);
    log
      .wait(HOUR)
      .part([gauge('a', 2)], [])
      .wait(HOUR)
      .part([gauge('a', 3)], []);
    expect(folded(log).totals).toMatchObject({ stored: 2, deadLetter: 1 });
  });

  it('and kept by definitions that come again and again', () => {
    const log = new PartLog({ seriesIdleUs: HOUR });
    for (let i = 1; i < 100; i += 1) {
      log.part([gauge('a', i)], i % 5 === 1 ? [0] : []).wait(HOUR / 12);
    }
    expect(folded(log).totals).toMatchObject({ stored: 99, deadLetter: 0 });
  });

  it('by their bound: those that were not defined for longest', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const log = new PartLog({ labelSetsMax: 8 });
    for (const name of names) log.part([gauge(name, 1)], [0]);
    // Their notes are an hour old: what is defined now counts as the newest.
    log.wait(HOUR).part([gauge('a', 2), gauge('b', 2)], [0, 1]);
    log.part([gauge('i', 2)], [0]);
    log.part(
      [...names, 'i'].map((name) => gauge(name, 3)),
      [],
    );
    const { letters, run } = folded(log);
    // Seven of nine are left.
    expect(letters.map(({ fingerprint }) => nameOf(names, fingerprint))).toEqual(['c', 'd']);
    expect(run.fold.counts).toMatchObject({ overflowedLabels: 2, overflowedLabelsByBytes: 0 });
  });

  it('by the bytes of all together, which is counted apart', () => {
    const log = new PartLog({ labelSetsMax: 8 });
    const long = 'x'.repeat(LABEL_BYTES_MAX * 3);
    const wordy = ['a', 'b', 'c'].map((name) => {
      const { labels, ...sample } = gauge(name, 1);
      return { ...sample, labels: { ...labels, long } };
    });
    log.part(wordy, [0, 1, 2]);
    log.part(
      wordy.map((sample) => ({ ...sample, timeUs: sample.timeUs + 1 })),
      [],
    );
    const { run, totals } = folded(log);
    expect(run.fold.counts).toMatchObject({ overflowedLabels: 0, overflowedLabelsByBytes: 1 });
    expect(totals).toMatchObject({ stored: 5, deadLetter: 1 });
  });
});

function nameOf(names: readonly string[], fingerprint: Uint8Array): string | undefined {
  return names.find((name) => {
    const { fingerprints } = dataRecord({
      samples: [gauge(name, 1)],
      sequence: 1,
      receivedAtUs: 1,
    });
    return Buffer.from(fingerprints).equals(fingerprint);
  });
}
