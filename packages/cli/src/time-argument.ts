import { InvalidArgumentError } from 'commander';
import { parseWidth } from '@millrace/rules';

/** `2026-11-29T12:00:00Z`, or how long ago: `90m`, `7d`; in microseconds since the epoch. */
export function timeArgument(text: string): number {
  const ago = parseWidth(text);
  if (ago.ok) return Date.now() * 1000 - ago.us;
  const timeMs = /^\d{4}-\d\d-\d\d(?:[Tt ].*)?$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isFinite(timeMs)) return timeMs * 1000;
  throw new InvalidArgumentError('Write 2026-11-29T12:00:00Z, or how long ago, as 90m or 7d.');
}

/** A count above 0. */
export function limitArgument(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number from 1 to 9999999.');
}

/** The id of a row: a 64-bit integer. */
export function idArgument(text: string): string {
  if (/^\d{1,18}$/.test(text)) return text;
  throw new InvalidArgumentError('It is a number, as "millrace dead list" shows it.');
}

/** The id of a series: a signed 64-bit integer. */
export function seriesIdArgument(text: string): string {
  if (/^-?\d{1,19}$/.test(text)) return text;
  throw new InvalidArgumentError('It is a number, as "millrace unverified list" shows it.');
}
