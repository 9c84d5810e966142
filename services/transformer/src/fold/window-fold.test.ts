import { compileRules, type RuleFile } from '@millrace/rules';
import {
  DEFAULT_FOLD_SETTINGS,
  FOLD_VERSION,
  LATE_RETAIN_US,
  type FoldSettings,
} from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { Editions } from './editions.ts';
import { lanesOf, Placements, type Target } from './series-placement.ts';
import { WindowFold, type FoldMoment } from './window-fold.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const AGGREGATES = ['count', 'sum', 'min', 'max', 'first', 'last', 'increase', 'sum_last'];
const HOUR = 60 * MINUTE;
const T0 = 1_700_000_040 * SECOND;
/** The second at which the watermark, a minute behind, passes the end of T0's window of 5 min. */
const FIVE_END = 1_700_000_100 + 60;

/** Windows of a rule that aggregates away (by job) and of the built-in roll-ups. */
class Bench {
  readonly windows: WindowFold;
  readonly settings: FoldSettings;
  readonly #placements: Placements;
  /** The series that was asked for last: what is folded is of it. */
  #series = 0;
  offset = 10;
  nowUs = T0;

  constructor(settings: Partial<FoldSettings> = {}, foldVersion: number = FOLD_VERSION) {
    const rule = { name: 'r', match: 'm', by: ['job'], widths: ['10s'], aggregates: AGGREGATES };
    const rules = compileRules({ rules: [rule] } as unknown as RuleFile);
    const editions = new Editions({ rules, candidates: [] });
    this.#placements = new Placements(editions);
    this.settings = { ...DEFAULT_FOLD_SETTINGS, ...settings };
    this.windows = new WindowFold(this.settings, editions.plans, foldVersion);
  }

  /** The target under edition 1 (roll-ups) or 2 (by job) of series number `n`. */
  target(n: number, edition: 1 | 2 = 2): Target {
    this.#series = n;
    const labels: [string, string][] = [
      ['__name__', 'm'],
      ['instance', 'x'],
      ['job', `${n}`],
    ];
    const { targets } = this.#placements.add(n, { tenant: 'default', labels });
    return targets.find(({ plan }) => plan.edition === edition)!;
  }

  get at(): FoldMoment {
    return this.#at(this.#series);
  }

  #at(series: number): FoldMoment {
    const keyBytes = new Uint8Array(16).fill(series);
    return {
      ...{ offset: this.offset, logNumber: 1, partitionTimeUs: this.nowUs },
      ...{ keys: lanesOf(keyBytes), keyBytes, key: 0 },
      ...{ caches: this.#placements.timed, row: series },
    };
  }

  /** Width in minutes and count of the pieces that are put out by a second; they are forgotten. */
  finished(second: number): [minutes: number, count: number][] {
    return this.windows.takeFinal(second).map((slot) => {
      const { widthUs, count } = this.windows.entry(slot);
      this.windows.remove(slot);
      return [widthUs / MINUTE, count];
    });
  }

  fold(target: Target, timeUs: number, value = 1, increase = 0, input = this.#series): void {
    this.windows.fold(target, timeUs, value, increase, this.#at(input));
  }
}

describe('WindowFold', () => {
  it('folds values at equal times in log order, whatever their sign', () => {
    const bench = new Bench();
    const target = bench.target(1);
    for (const value of [0, -0, NaN, 7, 5]) bench.fold(target, T0, value, 2);
    const [slot] = bench.windows.takeChangedAway();
    const piece = bench.windows.entry(slot!);
    expect(piece).toMatchObject({ count: 5, min: 0, max: 7, first: 0, last: 5, increase: 10 });
    expect(Object.is(piece.min, 0)).toBe(true);
    expect(piece.sum).toBeNaN();
  });

  it('puts times before 1970 and of far years into the windows they belong to', () => {
    const bench = new Bench();
    const target = bench.target(1);
    const times = [-1, -10 * SECOND, -(2 ** 53 - 1), 2 ** 53 - 1, 0];
    for (const timeUs of times) bench.fold(target, timeUs);
    const pieces = bench.windows.takeChangedAway().map((slot) => bench.windows.entry(slot));
    expect(pieces.map(({ startUs, count }) => [startUs, count])).toEqual([
      [-10 * SECOND, 2],
      [-9_007_199_260 * SECOND, 1],
      [9_007_199_250 * SECOND, 1],
      [0, 1],
    ]);
  });

  it('loses nothing when a change opens the piece that makes the memory grow', () => {
    const bench = new Bench();
    const changes: [string, (target: Target, timeUs: number) => void][] = [
      ['count', (target, timeUs) => bench.windows.count(target, timeUs, bench.at)],
      ['increase', (target, timeUs) => bench.windows.increase(target, timeUs, 3, bench.at)],
      ['marked', (target, timeUs) => bench.windows.mark(target, timeUs, bench.at)],
      ['sum', (target, timeUs) => bench.fold(target, timeUs, 5)],
    ];
    for (const [n, [, change]] of changes.entries()) {
      const target = bench.target(n + 1);
      for (let i = 0; i < 300; i += 1) change(target, T0 + i * 10 * SECOND);
    }
    const pieces = bench.windows.takeChangedAway().map((slot) => bench.windows.entry(slot));
    expect(pieces).toHaveLength(1200);
    for (const [i, piece] of pieces.entries()) {
      const expected = [{ count: 1 }, { increase: 3 }, { marked: true }, { sum: 5 }];
      expect(piece).toMatchObject(expected[Math.floor(i / 300)]!);
    }
  });

  it('keeps a piece of an aggregating rule for a while after it was touched last', () => {
    const bench = new Bench({ latenessUs: MINUTE, retainUs: 10 * MINUTE });
    const target = bench.target(1);
    bench.fold(target, T0);
    bench.nowUs = T0 + 5 * MINUTE;
    bench.fold(target, T0 + 1);
    const end = (T0 + 15 * MINUTE) / SECOND;
    expect(bench.windows.takeFinal(end - 1)).toEqual([]);
    const final = bench.windows.takeFinal(end);
    expect(final.map((slot) => bench.windows.entry(slot).count)).toEqual([2]);
    for (const slot of final) bench.windows.remove(slot);
    // What comes later opens another piece of the same window, with another name.
    bench.offset = 11;
    bench.fold(target, T0 + 2);
    const [again] = bench.windows.takeChangedAway();
    const piece = bench.windows.entry(again!);
    expect([piece.count, piece.piece - 2 ** 44]).toEqual([1, 11]);
  });

  it('finishes roll-ups as soon as the watermark passes their end, in the order of opening', () => {
    const bench = new Bench({ latenessUs: MINUTE });
    for (const n of [3, 1, 2]) bench.fold(bench.target(n, 1), T0);
    expect(bench.windows.takeFinal(FIVE_END - 1)).toEqual([]);
    const final = bench.windows.takeFinal(FIVE_END).map((slot) => bench.windows.entry(slot));
    expect(final.map(({ fingerprint, widthUs }) => [fingerprint[0], widthUs / MINUTE])).toEqual([
      [3, 5],
      [1, 5],
      [2, 5],
    ]);
    // Roll-ups of an hour are put out while they change; those of five minutes are not.
    const rollups = bench.windows.takeChangedRollups();
    expect(rollups.map((slot) => bench.windows.entry(slot).widthUs / MINUTE)).toEqual([60, 60, 60]);
    expect(bench.windows.takeChangedRollups()).toEqual([]);
    expect(bench.windows.takeChangedAway()).toEqual([]);
  });

  it('finishes a roll-up that was there in time at its end, also when touched just before', () => {
    for (const foldVersion of [2, 3]) {
      const bench = new Bench({ latenessUs: MINUTE }, foldVersion);
      const target = bench.target(1, 1);
      bench.fold(target, T0);
      bench.nowUs = FIVE_END * SECOND - 1;
      bench.fold(target, T0 + 1);
      expect(bench.windows.takeFinal(FIVE_END - 1)).toEqual([]);
      expect(bench.finished(FIVE_END)).toEqual([[5, 2]]);
    }
  });

  it('keeps a late piece of a roll-up for ten seconds after it was touched last', () => {
    const bench = new Bench({ latenessUs: MINUTE });
    const target = bench.target(1, 1);
    // Opened in the very second in which one that was there in time is put out.
    bench.nowUs = FIVE_END * SECOND;
    bench.fold(target, T0);
    for (let i = 1; i < 5; i += 1) {
      bench.nowUs += LATE_RETAIN_US - 1;
      expect(bench.finished(Math.floor(bench.nowUs / SECOND))).toEqual([]);
      bench.fold(target, T0 + i);
    }
    const dueSecond = Math.ceil((bench.nowUs + LATE_RETAIN_US) / SECOND);
    expect(bench.finished(dueSecond - 1)).toEqual([]);
    expect(bench.finished(dueSecond)).toEqual([[5, 5]]);
  });

  it('puts out a late piece in the second after it was touched, before fold version 3', () => {
    const bench = new Bench({ latenessUs: MINUTE }, 2);
    bench.nowUs = FIVE_END * SECOND + 1;
    bench.fold(bench.target(1, 1), T0);
    expect(bench.finished(FIVE_END)).toEqual([]);
    expect(bench.finished(FIVE_END + 1)).toEqual([[5, 1]]);
  });

  it('keeps pieces of rules that aggregate away as long under every fold version', () => {
    for (const foldVersion of [2, 3]) {
      const bench = new Bench({ latenessUs: MINUTE, retainUs: 3 * SECOND }, foldVersion);
      bench.nowUs = T0 + 10 * MINUTE;
      bench.fold(bench.target(1), T0);
      const dueSecond = bench.nowUs / SECOND + 3;
      expect(bench.finished(dueSecond - 1)).toEqual([]);
      expect(bench.finished(dueSecond)).toHaveLength(1);
    }
  });

  it('lists its pieces anew as they were, also late ones', () => {
    const bench = new Bench({ latenessUs: MINUTE });
    bench.nowUs = FIVE_END * SECOND;
    bench.fold(bench.target(1, 1), T0);
    bench.windows.restore();
    expect(bench.finished(FIVE_END + 9)).toEqual([]);
    expect(bench.finished(FIVE_END + 10)).toEqual([[5, 1]]);
  });

  it('puts out what the watermark has passed when settings or the fold version change', () => {
    const bench = new Bench({ latenessUs: 2 * MINUTE, retainUs: HOUR });
    bench.nowUs = (FIVE_END + 60) * SECOND;
    bench.fold(bench.target(1, 1), T0);
    bench.fold(bench.target(2), T0);
    // In time until then: with less lateness the watermark is beyond its end.
    bench.fold(bench.target(3, 1), T0 + 5 * MINUTE);
    bench.nowUs += 250 * SECOND;
    bench.fold(bench.target(3, 1), T0 + 5 * MINUTE);
    expect(bench.finished(bench.nowUs / SECOND)).toEqual([[5, 1]]);
    bench.fold(bench.target(1, 1), T0);
    bench.settings.latenessUs = MINUTE;
    const passed = bench.windows.change(FOLD_VERSION, bench.nowUs / SECOND);
    const pieces = passed.map((slot) => bench.windows.entry(slot));
    // The piece of the rule that aggregates away goes on to wait.
    expect(pieces.map(({ fingerprint, count }) => [fingerprint[0], count])).toEqual([
      [3, 2],
      [1, 1],
    ]);
  });

  it('closes the least recently touched pieces above the bound, none of the present record', () => {
    const bench = new Bench({ piecesMax: 16 });
    const target = bench.target(1);
    for (let i = 0; i < 20; i += 1) {
      bench.offset = 100 - i;
      bench.nowUs = T0 + i;
      bench.fold(target, T0 + i * 10 * SECOND);
    }
    bench.offset = 200;
    bench.nowUs = T0 + 20;
    bench.fold(target, T0);
    const starts = bench.windows
      .takeOverflow(200)
      .map((slot) => (bench.windows.entry(slot).startUs - T0) / SECOND);
    // Four too many and an eighth of the bound: by time, although later ones have lower offsets.
    expect(starts).toEqual([10, 20, 30, 40, 50, 60]);
    const small = new Bench({ piecesMax: 2 });
    for (let i = 0; i < 5; i += 1) small.fold(small.target(1), T0 + i * 10 * SECOND);
    expect(small.windows.takeOverflow(small.offset)).toEqual([]);
  });

  it('marks a piece that has more inputs than it may keep', () => {
    const bench = new Bench({ pieceInputsMax: 2 });
    const target = bench.target(1);
    for (const input of [1, 2, 1, 2]) bench.fold(target, T0, 1, 0, input);
    const [slot] = bench.windows.takeChangedAway();
    expect(bench.windows.entry(slot!).marked).toBe(false);
    bench.fold(target, T0, 1, 0, 3);
    expect(bench.windows.entry(slot!)).toMatchObject({ marked: true, count: 5 });
  });
});
