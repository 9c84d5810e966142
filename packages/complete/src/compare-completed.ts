import type { CompleteWindow, LookedWindow, WindowName } from '@millrace/store';

const COLUMNS: readonly Column[] = [
  ...(['count', 'marked', 'sum', 'min', 'max', 'first', 'firstTimeUs', 'last'] as const),
  ...(['lastTimeUs', 'increase', 'histogram', 'distinct', 'inputs'] as const),
];
type Column = Exclude<keyof CompleteWindow, keyof WindowName | 'pieces' | 'samples'>;

/** The columns in which two differ, and both as text. Of 0 and -0 either may have come first. */
export function otherColumns(
  expected: CompleteWindow,
  found: CompleteWindow,
): { columns: readonly Column[]; expected: string; found: string } {
  const columns = COLUMNS.filter((name) => textOf(expected, name) !== textOf(found, name));
  const text = (window: CompleteWindow): string =>
    columns.map((name) => `${name} ${textOf(window, name)}`).join(', ');
  return { columns, expected: text(expected), found: text(found) };
}

function textOf(window: CompleteWindow, column: Column): string {
  const value = window[column];
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}

const ROUNDING = 1e-9;

/** But for rounding: live folding adds up in another order. */
export function isSameIncrease(shown: LookedWindow, whole: CompleteWindow): boolean {
  const { increase: a } = shown;
  const { increase: b, max = 0, last = 0, sum = 0 } = whole;
  if (String(a) === String(b)) return true;
  if (a === undefined || b === undefined) return false;
  // Differences are rounded as what they are differences of.
  const sizes = [a, b, max, last, sum].map(Math.abs).filter(Number.isFinite);
  return Math.abs(a - b) <= ROUNDING * Math.max(0, ...sizes);
}
