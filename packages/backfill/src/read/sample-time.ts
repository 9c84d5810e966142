import { TIME_US_MAX, type TimeUs } from '@millrace/model';
import { parseTime } from '@millrace/wire';

export const TIME_UNITS = ['s', 'ms', 'us', 'ns'] as const;
export type TimeUnit = (typeof TIME_UNITS)[number];

/** How the times of a file are written. */
export interface TimeSettings {
  /** Of numbers; undefined: what the first number of the file looks like. */
  unit: TimeUnit | undefined;
  /** Whether text without an offset is UTC; else it is a fault. */
  assumesUtc: boolean;
}

/** A time, or what is wrong with it. */
export type ReadTime = TimeUs | TimeFault;

export interface TimeFault {
  what: string;
  expected: string;
}

const UNIT_US: Readonly<Record<TimeUnit, number>> = { s: 1e6, ms: 1e3, us: 1, ns: 1e-3 };
const UNIT_NAMES: Readonly<Record<TimeUnit, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
};
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WHOLE = /^\d{1,19}$/;
/** With a space as databases write it, and offsets without minutes or a colon. */
const SPACED =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,32})?) ?([Zz]|[+-]\d\d(?::?\d\d)?)?$/;
/** Times of 1971: whoever has older ones says the unit of them. */
const PLAUSIBLE_US_MIN = 31_536_000e6;

/** Reads the times of one file. */
export class SampleTime {
  readonly #settings: TimeSettings;
  #unit: TimeUnit | undefined;

  constructor(settings: TimeSettings) {
    this.#settings = settings;
    this.#unit = settings.unit;
  }

  /** Digits, or RFC 3339 and what databases make of it. */
  text(text: string): ReadTime {
    if (NUMBER.test(text)) return this.#number(text, Number(text));
    const match = SPACED.exec(text);
    const [, day, clock, offset] = match ?? [];
    if (day === undefined || clock === undefined) return notATime(text);
    if (offset === undefined && !this.#settings.assumesUtc) {
      const expected = 'an offset, as in 2026-11-29T12:00:00Z (--assume-utc takes it as UTC)';
      return { what: `the time is ${JSON.stringify(text)}, of no time zone`, expected };
    }
    const time = parseTime(`${day}T${clock}${rfcOffset(offset)}`);
    return typeof time === 'number' ? time : notATime(text);
  }

  number(value: number): ReadTime {
    return this.#number(String(value), value);
  }

  #number(text: string, value: number): ReadTime {
    const unit = (this.#unit ??= likelyUnit(value));
    const timeUs = toUs(text, value, unit);
    const isExpected = timeUs <= TIME_US_MAX && timeUs >= 0;
    const isPlausible = this.#settings.unit !== undefined || timeUs >= PLAUSIBLE_US_MIN;
    if (isExpected && isPlausible) return timeUs;
    return {
      what: `the time is ${text}, which as ${UNIT_NAMES[unit]} is no likely one`,
      expected: `Unix time in ${UNIT_NAMES[unit]} (--time-unit s, ms, us or ns says the unit)`,
    };
  }
}

/** Of what the times from 1973 to 5138 are. */
function likelyUnit(value: number): TimeUnit {
  if (value < 1e11) return 's';
  if (value < 1e14) return 'ms';
  return value < 1e17 ? 'us' : 'ns';
}

function toUs(text: string, value: number, unit: TimeUnit): number {
  // A double does not hold nanoseconds; what is finer than a microsecond is cut off.
  if (unit === 'ns' && WHOLE.test(text)) return Number(text.slice(0, -3) || '0');
  const us = Math.round(value * UNIT_US[unit]);
  return us === 0 ? 0 : us;
}

function rfcOffset(offset: string | undefined): string {
  if (offset === undefined || /^[Zz]$/.test(offset)) return 'Z';
  const digits = offset.replace(':', '');
  return `${digits.slice(0, 3)}:${digits.slice(3).padEnd(2, '0')}`;
}

function notATime(text: string): TimeFault {
  const shown = text.length > 48 ? `${text.slice(0, 48)}…` : text;
  return {
    what: text === '' ? 'there is no time' : `the time is ${JSON.stringify(shown)}`,
    expected: 'Unix time or RFC 3339, as 1795953600 or 2026-11-29T12:00:00Z',
  };
}
