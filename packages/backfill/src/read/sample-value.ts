const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

const WORDS: ReadonlyMap<string, number> = new Map([
  ['nan', NaN],
  ['inf', Infinity],
  ['+inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['+infinity', Infinity],
  ['-infinity', -Infinity],
]);

export const VALUE_EXPECTED = 'a number, NaN, +Inf or -Inf';

/** The value that text stands for; undefined: none. */
export function readValue(text: string): number | undefined {
  if (!NUMBER.test(text)) return WORDS.get(text.toLowerCase());
  const value = Number(text);
  // Too large for a float64: the word for infinity would have been meant otherwise.
  return Number.isFinite(value) ? value : undefined;
}
