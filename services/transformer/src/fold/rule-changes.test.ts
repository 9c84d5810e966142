import { SampleFlag, SampleKind, type Piece } from '@millrace/model';
import { CHANGE_PERIOD_US, VERSIONS_MAX } from '@millrace/control';
import type { Rule, RuleFile } from '@millrace/rules';
import {
  DEFAULT_FOLD_SETTINGS,
  EntryType,
  EventsRecordKind,
  type BarrierRecord,
  type DefinitionEntry,
  type EditionEndEntry,
  type FoldSettings,
  type LedgerEntry,
} from '@millrace/wire';
import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { dataRecord, type TestSample } from '../testing/data-record.ts';
import {
  entryTexts,
  foldedPieces,
  logStart,
  runFold,
  type FoldRun,
  type LoggedRecord,
} from '../testing/fold-run.ts';
import { RuleVersions } from '../testing/rule-versions.ts';
import { EDITION_OVERLAP_US, GENERATIONS_MAX } from './editions.ts';
import { loadPages, takePages } from './partition-state.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** A full hour. */
const T0 = 1_699_999_200 * SECOND;

const BY_JOB: Rule = {
  name: 'r',
  match: 'm',
  by: ['job'],
  widths: ['10s'],
  aggregates: ['count', 'increase'],
};
const AWAY: Rule = { ...BY_JOB, keep_raw: false };
const file = (...rules: Rule[]): RuleFile => ({ rules });

/** Writes a log down, step by step. Times are in seconds after T0. */
class LogWriter {
  readonly log: LoggedRecord[];
  readonly versions: RuleVersions;
  #sequence = 0;

  constructor(rules: RuleFile, settings: Partial<FoldSettings> = {}) {
    this.log = logStart(rules, settings);
    this.versions = new RuleVersions(this.log[1]!.record as BarrierRecord);
  }

  at(seconds: number, ...samples: TestSample[]): this {
    const nowUs = T0 + seconds * SECOND;
    this.#sequence += 1;
    const record = dataRecord({ samples, receivedAtUs: nowUs, sequence: this.#sequence });
    this.log.push({ record, appendTimeUs: nowUs });
    return this;
  }

  tick(seconds: number): this {
    const nowUs = T0 + seconds * SECOND;
    this.log.push({
      record: { kind: EventsRecordKind.tick, receivedAtUs: nowUs },
      appendTimeUs: nowUs,
    });
    return this;
  }

  change(rules: RuleFile, settings: Partial<FoldSettings> = {}): this {
    this.log.push({ record: this.versions.next(rules, settings), appendTimeUs: 0 });
    return this;
  }

  /** The edition a rule has in the newest version. */
  edition(name = 'r'): number {
    return this.versions.rules.rules.find((rule) => rule.name === name)!.edition;
  }

  /** Folds it, and once more with a restart behind every record. */
  fold(): FoldRun {
    const run = runFold(this.log);
    expectSame(runFold(this.log, { restartAfter: () => true }), run);
    return run;
  }
}

function expectSame(restarted: FoldRun, run: FoldRun): void {
  expect(entryTexts(restarted.entries)).toEqual(entryTexts(run.entries));
}

const sample = (seconds: number, value = 1, more: Partial<TestSample> = {}): TestSample => ({
  labels: { __name__: 'm', job: 'a', instance: 'x' },
  timeUs: T0 + seconds * SECOND,
  value,
  kind: SampleKind.cumulative,
  ...more,
});

/** A column of the windows of an edition, summed up, by their start in seconds after T0. */
function windowsOf(
  run: FoldRun,
  edition: number,
  column: 'count' | 'increase' = 'count',
  widthUs?: number,
): [number, number][] {
  const windows = new Map<number, number>();
  for (const piece of foldedPieces(run)) {
    if (piece.edition !== edition || (widthUs ?? piece.widthUs) !== piece.widthUs) continue;
    const start = (piece.startUs - T0) / SECOND;
    windows.set(start, (windows.get(start) ?? 0) + (piece[column] ?? 0));
  }
  return [...windows].sort(([a], [b]) => a - b);
}

const valuesOf = <T>({ entries }: FoldRun, type: EntryType): T[] =>
  entries.filter((entry) => entry.type === type).map(({ value }) => value as T);

describe('an edition whose rule changed', () => {
  it('is folded on for an hour beyond all that was known, its successor from there on', () => {
    const writer = new LogWriter(file(BY_JOB)).at(0, sample(0)).at(5, sample(125));
    const old = writer.edition();
    writer.change(file({ ...BY_JOB, widths: ['30s'] }));
    // By an hour, and by the 300 s that samples may be ahead of others elsewhere.
    const until = 125 + 1 + 3600 + 300;
    writer
      .at(6, sample(1), sample(until - 6))
      .at(until, ...[-1, 1, 4].map((s) => sample(until + s)));
    const run = writer.fold();
    const [end, ...more] = valuesOf<EditionEndEntry>(run, EntryType.editionEnd);
    expect(end).toEqual({ edition: old, position: 4, untilUs: T0 + until * SECOND });
    expect(more).toEqual([]);
    // 4027 lies in the window of 4020, which began in time; 4030 in one that did not.
    expect(windowsOf(run, old)).toEqual([
      [0, 2],
      [120, 1],
      [4020, 3],
    ]);
    expect(windowsOf(run, writer.edition())).toEqual([
      [0, 1],
      [4020, 4],
    ]);
  });

  it('that is removed finishes the windows that began, and begins none', () => {
    const writer = new LogWriter(file(BY_JOB)).at(0, sample(0)).at(7, sample(7));
    const old = writer.edition();
    writer.change(file()).at(9, sample(9)).at(12, sample(11), sample(10)).at(13, sample(3));
    const run = writer.fold();
    expect(valuesOf<EditionEndEntry>(run, EntryType.editionEnd)).toEqual([
      { edition: old, position: 4, untilUs: T0 + 8 * SECOND },
    ]);
    expect(windowsOf(run, old)).toEqual([[0, 4]]);
  });

  it('is begun anew under another number when it is changed back', () => {
    const writer = new LogWriter(file(BY_JOB)).at(0, sample(0));
    const first = writer.edition();
    writer.change(file(AWAY)).at(1, sample(1));
    const second = writer.edition();
    writer.change(file(BY_JOB)).at(2, sample(2));
    const run = writer.fold();
    const third = writer.edition();
    expect(new Set([first, second, third]).size).toBe(3);
    expect([first, second, third].map((edition) => windowsOf(run, edition))).toEqual([
      [[0, 3]],
      [[0, 2]],
      [[0, 1]],
    ]);
    expect(run.fold.tables!.editions.generations.length).toBe(2);
  });

  it('is forgotten when its widest window and the horizon are over: what is open is final', () => {
    const horizonUs = 100 * SECOND;
    const writer = new LogWriter(file({ ...BY_JOB, widths: ['10s', '2h'] }), {
      identityHorizonUs: horizonUs,
    });
    const old = writer.edition();
    writer.at(0, sample(0)).change(file()).at(1, sample(1));
    const end = 1 + 7200 + 100;
    writer.tick(end - 1).at(end - 0.5, sample(2));
    const before = writer.fold();
    expect(windowsOf(before, old, 'count', 2 * HOUR)).toEqual([[0, 3]]);
    expect(foldedPieces(before).filter(({ edition }) => edition === old)).toHaveLength(4);
    expect(before.fold.tables!.windows.ofEditions([old])).toHaveLength(2);
    writer.at(end, sample(3));
    const after = writer.fold();
    expect(windowsOf(after, old, 'count', 2 * HOUR)).toEqual([[0, 3]]);
    expect(after.fold.tables!.windows.ofEditions([old])).toEqual([]);
    expect(after.fold.tables!.editions.generations).toEqual([]);
    expect(after.fold.tables!.editions.plans.has(old)).toBe(false);
    expect(lastFinals(writer, after)).toEqual([old, old]);
    // Those of the roll-up, which goes on, wait for more late samples.
    writer.tick(end + 9);
    expect(lastFinals(writer, writer.fold())).toEqual([]);
    writer.tick(end + 10);
    expect(lastFinals(writer, writer.fold())).toEqual([1, 1]);
  });

  it('is ended early when too many are folded on, and what it has open is marked', () => {
    const writer = new LogWriter(file(BY_JOB)).at(0, sample(0));
    const first = writer.edition();
    for (let i = 0; i < GENERATIONS_MAX + 1; i += 1) {
      writer.change(file({ ...BY_JOB, widths: [`${11 + i}s`] }));
    }
    const run = writer.at(1, sample(1)).fold();
    expect(run.fold.counts.overflowedEditions).toBe(1);
    expect(run.fold.tables!.editions.generations).toHaveLength(GENERATIONS_MAX);
    const finals = valuesOf<Piece>(run, EntryType.final);
    expect(finals.map(({ edition, count, marked }) => [edition, count, marked])).toEqual([
      [first, 1, true],
    ]);
    // Every other one has what came last, and so has the one in force.
    expect(windowsOf(run, writer.edition())).toEqual([[0, 1]]);
    expect(foldedPieces(run).filter(({ edition }) => edition > first)).toHaveLength(
      GENERATIONS_MAX + 1,
    );
  });
});

describe('the bound of editions that are folded on', () => {
  it('is not reached while they are shown: rules cannot be changed that often', () => {
    const skewUs = DEFAULT_FOLD_SETTINGS.futureSkewUs;
    expect(CHANGE_PERIOD_US).toBeGreaterThanOrEqual(EDITION_OVERLAP_US + skewUs);
    expect(VERSIONS_MAX).toBeLessThan(GENERATIONS_MAX);
  });
});

describe('keep_raw that changes', () => {
  it('decides about raw samples from the barrier on, and the roll-ups follow', () => {
    const writer = new LogWriter(file(BY_JOB)).at(0, sample(0), STALE(1));
    const rollups = [writer.edition('rollup')];
    writer.change(file(AWAY)).at(3, sample(2), STALE(3));
    rollups.push(writer.edition('rollup'));
    writer.change(file(BY_JOB)).at(5, sample(4), STALE(5)).tick(10);
    rollups.push(writer.edition('rollup'));
    const run = writer.fold();
    const raw = valuesOf<number[]>(run, EntryType.sample);
    expect(raw.map(([, timeUs]) => (timeUs! - T0) / SECOND)).toEqual([0, 1, 4, 5]);
    const totals = valuesOf<LedgerEntry>(run, EntryType.ledger).at(-1)!.totals[0]!;
    expect(totals).toMatchObject({ accepted: 6, stored: 5, dropped: 1 });
    // The first roll-up still takes the series that left it, the second never had it.
    expect(rollups.map((edition) => windowsOf(run, edition, 'count', 5 * MINUTE))).toEqual([
      [[0, 3]],
      [],
      [[0, 1]],
    ]);
  });

  it('puts what is unverified where the rules in force say, and marks all windows', () => {
    const writer = new LogWriter(file(BY_JOB));
    writer.at(40, ...Array.from({ length: 40 }, (_, i) => sample(i))).change(file(AWAY));
    const run = writer.at(41, sample(5)).fold();
    expect(valuesOf(run, EntryType.unverified)).toHaveLength(1);
    const raw = valuesOf<number[]>(run, EntryType.sample);
    expect(raw.filter(([, , , flags]) => (flags! & SampleFlag.unverified) !== 0)).toEqual([]);
    const marked = foldedPieces(run).filter((piece) => piece.marked);
    // The roll-up in both widths, the rule as it was, and as it is.
    expect(marked.map(({ edition }) => edition)).toEqual(
      expect.arrayContaining([1, 1, 2, writer.edition()]),
    );
    expect(marked).toHaveLength(4);
  });
});

const STALE = (seconds: number): TestSample => sample(seconds, NaN, { stale: true });

describe('increases', () => {
  it('go on from before the barrier, also when no rule asked for them', () => {
    const writer = new LogWriter(file({ ...BY_JOB, keep_raw: false, aggregates: ['sum'] }));
    writer.at(0, sample(1, 10, { startUs: T0 + SECOND / 2 })).change(file(BY_JOB));
    const run = writer.at(12, sample(12, 25), sample(22, 4)).fold();
    expect(windowsOf(run, writer.edition(), 'increase')).toEqual([
      [10, 15],
      [20, 4],
    ]);
  });

  it('know when a counter began from before the barrier', () => {
    const startUs = T0 + 5 * SECOND;
    const writer = new LogWriter(file({ ...BY_JOB, keep_raw: false, aggregates: ['sum'] }));
    // What the late one takes away from the increase of before the barrier, it takes from a window
    // that the edition has only in part.
    writer
      .at(0, sample(20, 7, { startUs }))
      .change(file(BY_JOB))
      .at(30, sample(12, 6));
    expect(windowsOf(writer.fold(), writer.edition(), 'increase')).toEqual([
      [10, 6],
      [20, -6],
    ]);
  });
});

describe('definitions', () => {
  it('come with the placement that needs them; for retired editions, with what is folded', () => {
    const writer = new LogWriter(file(BY_JOB)).at(0, sample(0));
    writer.change(file({ ...BY_JOB, by: ['instance'] })).at(5000, other(5000), sample(4999));
    writer.at(5001, other(3));
    const run = writer.fold();
    const labels = run.entries
      .filter(({ type }) => type === EntryType.definition)
      .map(({ address, value }) => [
        address.offset,
        ...(value as DefinitionEntry).labels.slice(1).map(([, text]) => text),
      ]);
    expect(labels).toEqual([
      [2, 'x', 'a'],
      [2, 'a'],
      [4, 'y', 'b'],
      [4, 'y'],
      [4, 'x'],
      [5, 'b'],
    ]);
  });
});

/** Editions of the pieces that the last record makes final. */
function lastFinals({ log }: LogWriter, { entries }: FoldRun): number[] {
  return entries
    .filter(({ type, address }) => type === EntryType.final && address.offset === log.length - 1)
    .map(({ value }) => (value as Piece).edition);
}

const other = (seconds: number): TestSample =>
  sample(seconds, 1, { labels: { __name__: 'm', job: 'b', instance: 'y' } });

describe('settings that change', () => {
  it('never take the watermark back, and finish at once what it has passed', () => {
    const writer = new LogWriter(file(BY_JOB), { latenessUs: 60 * SECOND }).at(0, sample(0));
    writer
      .tick(100)
      .change(file(BY_JOB), { latenessUs: 90 * SECOND })
      .tick(101)
      .tick(130)
      .tick(140);
    writer.at(155, sample(150), sample(155)).tick(160);
    writer.change(file(BY_JOB), { latenessUs: 0, retainUs: 0 }).tick(161);
    const run = writer.fold();
    const ledgers = valuesOf<LedgerEntry>(run, EntryType.ledger);
    const watermarks = ledgers.map(({ watermarkUs }) => (watermarkUs - T0) / SECOND);
    expect(watermarks).toEqual([-60, 40, 40, 40, 50, 65, 160]);
    const finals = run.entries.filter(({ type }) => type === EntryType.final);
    // At the barrier itself: its ledger entry, and the next one, must find them put out.
    const atBarrier = finals.filter(({ address }) => address.offset === writer.log.length - 2);
    expect(atBarrier.map(({ value }) => (value as Piece).startUs - T0)).toEqual([0, 150 * SECOND]);
  });

  it('do not let an event that came far ahead count again when less is allowed', () => {
    const ahead = { futureSkewUs: 10 * MINUTE, identityHorizonUs: MINUTE };
    const writer = new LogWriter(file(BY_JOB), ahead);
    const event = sample(500, 1, { kind: SampleKind.event, id: 'e' });
    writer.at(0, event).change(file(BY_JOB), { futureSkewUs: 0 }).at(120, event).tick(130);
    const totals = valuesOf<LedgerEntry>(writer.fold(), EntryType.ledger).at(-1)!.totals[0]!;
    expect(totals).toMatchObject({ accepted: 2, stored: 1, unverified: 1 });
  });
});

describe('a state of before rules could change', () => {
  it('loads, and goes on', () => {
    const { log } = new LogWriter(file(BY_JOB)).at(0, sample(0)).tick(70);
    const { fold } = runFold(log);
    const pages = takePages(fold.head, fold.tables);
    const header = decode(pages.get('header')!) as Record<string, Record<string, unknown>>;
    delete header['generations'];
    delete header['head']!['watermarkUs'];
    delete header['head']!['skewMaxUs'];
    pages.set('header', encode(header));
    const loaded = loadPages(pages as Map<string, Uint8Array>);
    expect(loaded.head).toEqual(fold.head);
    expect(loaded.tables!.editions.generations).toEqual([]);
  });
});
