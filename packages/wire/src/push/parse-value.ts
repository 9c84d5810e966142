import type { Rejection } from '../samples/check-labels.ts';
import { quote } from '../samples/quote.ts';

/** JSON has no words for them, so they come as strings. */
const WORDS = new Map([
  ['NaN', Number.NaN],
  ['Inf', Number.POSITIVE_INFINITY],
  ['+Inf', Number.POSITIVE_INFINITY],
  ['-Inf', Number.NEGATIVE_INFINITY],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['+Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** A sample's value. `infinities` tells whether an infinite number was sent as such. */
export function parseValue(value: unknown, infinities: boolean): number | Rejection {
  if (typeof value === 'number') {
    if (infinities || Number.isFinite(value)) return value;
    return { reason: 'invalid_value', detail: 'the value is too large for a float64' };
  }
  if (value === undefined) return { reason: 'missing_value', detail: 'there is no field value' };
  if (typeof value === 'string') {
    const word = WORDS.get(value);
    if (word !== undefined) return word;
    return { reason: 'invalid_value', detail: `the value is the string ${quote(value)}` };
  }
  // JSON.stringify makes null of NaN: guessing which of the two was meant would be a lie.
  const shown = value === null ? 'null' : `of type ${typeof value}`;
  return { reason: 'invalid_value', detail: `the value is ${shown}` };
}
