import { TIME_US_MAX, type TimeUs } from '@millrace/model';
import type { Rejection } from '../samples/check-labels.ts';
import { quote } from '../samples/quote.ts';
import { otherUnit } from '../samples/time-unit.ts';
import { UnixTime } from './unix-time.ts';

/** RFC 3339, section 5.6: an offset is required, `T` and `Z` may be lower case. */
const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,32}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

const TIME_TEXT_MAX = 64;
const US_PER_MS = 1000;
const US_PER_MINUTE = 60_000_000;

/**
 * A time as producers write it: RFC 3339 text, or Unix milliseconds, also with a fraction. What
 * is finer than a microsecond is cut off in text, and rounded to the nearest in numbers, because
 * a float64 does not hold their decimal fraction exactly.
 */
export function parseTime(time: unknown): TimeUs | Rejection {
  if (typeof time === 'number') return parseUnixMs(time);
  if (typeof time === 'string') return parseRfc3339(time);
  if (time instanceof UnixTime) return inRange(time.us, `a timestamp of ${time.us} µs`);
  const shown = time === null ? 'null' : `of type ${typeof time}`;
  return { reason: 'invalid_time', detail: `the time is ${shown}` };
}

/**
 * Why a time that can be read is not taken all the same: seconds. As milliseconds they would be
 * accepted and deleted as past their retention, without anybody being told of the wrong unit.
 */
export function unitFault(time: unknown): Rejection | undefined {
  if (typeof time !== 'number' || time > TIME_US_MAX / US_PER_MS) return undefined;
  const shown = otherUnit(time, 'milliseconds');
  return shown === undefined ? undefined : outOfRange(shown);
}

function parseUnixMs(timeMs: number): TimeUs | Rejection {
  if (!Number.isFinite(timeMs)) return { reason: 'invalid_time', detail: `the time is ${timeMs}` };
  const shown = otherUnit(timeMs, 'milliseconds') ?? `${timeMs} ms`;
  return inRange(Math.round(timeMs * US_PER_MS), shown);
}

function parseRfc3339(text: string): TimeUs | Rejection {
  const match = text.length <= TIME_TEXT_MAX ? RFC_3339.exec(text) : null;
  const fields = match?.slice(1, 7).map(Number);
  if (match === null || fields === undefined) return invalid(text);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  const exists =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysOf(year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 60 &&
    offsetHours <= 23 &&
    offsetMinutes <= 59;
  if (!exists) return invalid(text);
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  if (year < 100) return outOfRange(quote(text));
  const sign = match[8] === '-' ? -1 : 1;
  const offsetUs = sign * (offsetHours * 60 + offsetMinutes) * US_PER_MINUTE;
  const fractionUs = Number((match[7] ?? '').slice(0, 6).padEnd(6, '0'));
  const minuteUs = Date.UTC(year, month - 1, day, hour, minute) * US_PER_MS - offsetUs;
  // A leap second is the last of a UTC day. Unix time has no name for it: the next second's is
  // taken, as POSIX does.
  if (second === 60 && mod(minuteUs + US_PER_MINUTE, 1440 * US_PER_MINUTE) !== 0) {
    return invalid(text);
  }
  return inRange(minuteUs + second * 1_000_000 + fractionUs, quote(text));
}

function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function mod(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function inRange(timeUs: TimeUs, shown: string): TimeUs | Rejection {
  // Adding zero makes a negative zero, which rounding can leave, an ordinary one.
  return timeUs >= 0 && timeUs <= TIME_US_MAX ? timeUs + 0 : outOfRange(shown);
}

function outOfRange(shown: string): Rejection {
  return { reason: 'time_out_of_range', detail: `the time is ${shown}` };
}

function invalid(text: string): Rejection {
  return { reason: 'invalid_time', detail: `the time is ${quote(text)}` };
}
