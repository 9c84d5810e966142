import { compileRules, type RuleFile } from '@millrace/rules';
import { DEFAULT_FOLD_SETTINGS, type FoldSettings } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { Editions } from './editions.ts';
import { lanesOf, Placements, type Target } from './series-placement.ts';
import { WindowFold, type FoldMoment } from './window-fold.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const AGGREGATES = ['count', 'sum', 'min', 'max', 'first', 'last', 'increase', 'sum_last'];
const T0 = 1_700_000_040 * SECOND;

/** Windows of a rule that aggregates away (by job) and of the built-in roll-ups. */
class Bench {
  readonly windows: WindowFold;
  readonly #placements: Placements;
  /** The series that was asked for last: what is folded is of it. */
  #series = 0;
  offset = 10;
  nowUs = T0;

  constructor(settings: Partial<FoldSettings> = {}) {
    const rule = { name: 'r', match: 'm', by: ['job'], widths: ['10s'], aggregates: AGGREGATES };
    const rules = compileRules({ rules: [rule] } as unknown as RuleFile);
    const editions = new Editions({ rules, candidates: [] });
    this.#placements = new Placements(editions);
    const all = { ...DEFAULT_FOLD_SETTINGS, ...settings };
    this.windows = new WindowFold(all, editions.plans);
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
    const fiveMinutesEnd = 1_700_000_100 + 60;
    expect(bench.windows.takeFinal(fiveMinutesEnd - 1)).toEqual([]);
    const final = bench.windows.takeFinal(fiveMinutesEnd).map((slot) => bench.windows.entry(slot));
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
