import { ExponentialHistogram, fingerprintHex, PieceInputs, type Piece } from '@millrace/model';
import { expect } from 'vitest';
import { windowKey, type NaiveWindow } from './naive-oracle.ts';

/** Merges pieces as readers do, in the order (piece). */
export function mergeWindows(pieces: readonly Piece[]): Map<string, Piece[]> {
  const windows = new Map<string, Piece[]>();
  for (const piece of [...pieces].sort((a, b) => a.piece - b.piece)) {
    const key = windowKey(
      piece.edition,
      fingerprintHex(piece.fingerprint),
      piece.widthUs,
      piece.startUs,
    );
    windows.set(key, [...(windows.get(key) ?? []), piece]);
  }
  return windows;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const isNumber = (value: number | undefined): value is number => value !== undefined;

function expectClose(actual: number, expected: number): void {
  if (Number.isFinite(expected)) expect(actual).toBeCloseTo(expected, 6);
  else expect(actual).toBe(expected);
}

/** The window's pieces together are what the naive computation gives. */
export function expectWindow(pieces: readonly Piece[], naive: NaiveWindow): void {
  const values = naive.values.map(({ value }) => value);
  expect(sumOf(pieces.map((p) => p.count))).toBe(values.length);
  const has = (column: keyof Piece): boolean => pieces.some((p) => p[column] !== undefined);
  if (has('sum')) expectClose(sumOf(pieces.map((p) => p.sum ?? 0)), sumOf(values));
  const finite = values.filter((v) => !Number.isNaN(v));
  if (finite.length > 0) {
    const known = (column: 'min' | 'max'): number[] =>
      pieces.map((p) => p[column]).filter((v) => isNumber(v) && !Number.isNaN(v)) as number[];
    if (has('min')) expect(Math.min(...known('min'))).toBe(Math.min(...finite));
    if (has('max')) expect(Math.max(...known('max'))).toBe(Math.max(...finite));
  }
  const times = naive.values.map(({ timeUs }) => timeUs);
  if (has('firstTimeUs')) {
    expect(Math.min(...pieces.map((p) => p.firstTimeUs).filter(isNumber))).toBe(Math.min(...times));
  }
  if (has('lastTimeUs')) {
    expect(Math.max(...pieces.map((p) => p.lastTimeUs).filter(isNumber))).toBe(Math.max(...times));
  }
  if (has('increase')) {
    expectClose(sumOf(pieces.map((p) => p.increase ?? 0)), naive.increase);
  }
  if (has('histogram')) {
    const expected = ExponentialHistogram.empty();
    for (const value of values) expected.add(value);
    const merged = ExponentialHistogram.empty();
    for (const p of pieces) if (p.histogram) merged.merge(ExponentialHistogram.decode(p.histogram));
    expect(merged.encode()).toEqual(expected.encode());
  }
  if (has('inputs')) {
    const merged = PieceInputs.empty();
    for (const p of pieces) if (p.inputs) merged.merge(PieceInputs.decode(p.inputs));
    const newest = new Map<string, { timeUs: number; value: number }>();
    for (const { input, timeUs, value } of naive.values) {
      const known = newest.get(input);
      if (known === undefined || timeUs > known.timeUs) newest.set(input, { timeUs, value });
    }
    expect(merged.count()).toBe(newest.size);
    expectClose(merged.sumLast(), sumOf([...newest.values()].map((n) => n.value)));
  }
}
