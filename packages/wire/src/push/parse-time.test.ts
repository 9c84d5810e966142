import { TIME_US_MAX } from '@millrace/model';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTime, unitFault } from './parse-time.ts';
import { UnixTime } from './unix-time.ts';

const SECOND = 1_000_000;

describe('RFC 3339', () => {
  test('is what Date makes of it, to the millisecond', () => {
    const date = fc.date({
      min: new Date(0),
      max: new Date('2255-06-05T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, (expected) => {
        expect(parseTime(expected.toISOString())).toBe(expected.getTime() * 1000);
      }),
    );
  });

  test('offsets move the time, whatever the day', () => {
    const minutes = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
    fc.assert(
      fc.property(fc.integer({ min: 100_000, max: 4_000_000_000 }), minutes, (seconds, offset) => {
        const local = new Date((seconds + offset * 60) * 1000).toISOString().slice(0, 19);
        const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, '0');
        const rest = String(Math.abs(offset) % 60).padStart(2, '0');
        const text = `${local}${offset < 0 ? '-' : '+'}${hours}:${rest}`;
        expect(parseTime(text)).toBe(seconds * SECOND);
      }),
    );
  });

  const cases: [text: string, timeUs: number][] = [
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01t00:00:01z', SECOND],
    ['1970-01-01T00:00:00.5Z', 500_000],
    ['1970-01-01T00:00:00.000001Z', 1],
    ['1970-01-01T00:00:00.0000019Z', 1],
    ['1970-01-01T00:00:00.123456789123Z', 123_456],
    ['1970-01-01T01:00:00-00:00', 3600 * SECOND],
    ['1969-12-31T23:00:00-01:00', 0],
    ['2000-02-29T00:00:00Z', 951_782_400 * SECOND],
    ['2016-12-31T23:59:60Z', 1_483_228_800 * SECOND],
    ['2016-12-31T23:59:60.25Z', 1_483_228_800 * SECOND + 250_000],
    ['2017-01-01T05:29:60+05:30', 1_483_228_800 * SECOND],
    ['2255-06-05T23:47:34.740991Z', TIME_US_MAX],
  ];
  test.each(cases)('%s', (text, timeUs) => {
    expect(parseTime(text)).toBe(timeUs);
  });

  test.each([
    '',
    'now',
    '1700000000000',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00Z',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00,5Z',
    '2026-01-01T00:00:00+0100',
    '2026-01-01T00:00:00+01',
    '2026-01-01T00:00:00Z ',
    ' 2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z\n',
    '26-01-01T00:00:00Z',
    '+2026-01-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:61Z',
    '2026-01-01T12:00:60Z',
    '2016-12-31T23:59:60+01:00',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+00:60',
    '٢٠٢٦-01-01T00:00:00Z',
    `2026-01-01T00:00:00.${'1'.repeat(100)}Z`,
  ])('%j is refused', (text) => {
    expect(parseTime(text)).toMatchObject({ reason: 'invalid_time' });
  });

  test.each([
    '1969-12-31T23:59:59.999999Z',
    '1970-01-01T00:00:00+00:01',
    '0000-01-01T00:00:00Z',
    '0070-01-01T00:00:00Z',
    '2255-06-05T23:47:34.740992Z',
    '9999-12-31T23:59:59Z',
  ])('%s is out of range', (text) => {
    expect(parseTime(text)).toMatchObject({ reason: 'time_out_of_range' });
  });
});

describe('numbers are Unix milliseconds', () => {
  const cases: [timeMs: number, timeUs: number][] = [
    [0, 0],
    [-0, 0],
    [-0.0001, 0],
    [1_750_000_000_000, 1_750_000_000_000_000],
    [1_750_000_000_000.123, 1_750_000_000_000_123],
    [0.001, 1],
    // The last number of milliseconds that a float64 tells from the one above 2^53 µs.
    [9_007_199_254_740.99, TIME_US_MAX - 1],
  ];
  test.each(cases)('%d', (timeMs, timeUs) => {
    expect(parseTime(timeMs)).toBe(timeUs);
  });

  test.each([-1, -0.001, 9_007_199_254_741, 1_750_000_000_000_000, 1e300, -(2 ** 63)])(
    '%d is out of range',
    (timeMs) => {
      expect(parseTime(timeMs)).toMatchObject({ reason: 'time_out_of_range' });
    },
  );
});

test('seconds are not taken for milliseconds of the first weeks of 1970', () => {
  for (const seconds of [1_000_000_000, 1_795_998_558, 1_795_998_558.25, 4_200_000_000]) {
    expect(unitFault(seconds)).toEqual({
      reason: 'time_out_of_range',
      detail: `the time is ${seconds}, which are seconds and not milliseconds`,
    });
    // Where it is measured all the same, it is what releases of before took it for.
    expect(parseTime(seconds)).toBe(seconds * 1000);
    // Nobody is in doubt about what else writes them.
    expect(parseTime(new Date(seconds).toISOString())).toBe(Math.floor(seconds) * 1000);
    expect(parseTime(new UnixTime(seconds * 1000))).toBe(seconds * 1000);
    expect(unitFault(new Date(seconds).toISOString())).toBeUndefined();
    expect(unitFault(new UnixTime(seconds * 1000))).toBeUndefined();
  }
  for (const timeMs of [999_999_999, 4_200_000_001]) {
    expect(parseTime(timeMs)).toBe(timeMs * 1000);
    expect(unitFault(timeMs)).toBeUndefined();
  }
});

test('a timestamp as such is taken as it is', () => {
  expect(parseTime(new UnixTime(5))).toBe(5);
  expect(parseTime(new UnixTime(-1))).toMatchObject({ reason: 'time_out_of_range' });
});

test.each([null, true, Number.NaN, Number.POSITIVE_INFINITY, {}, []])('%j is no time', (time) => {
  expect(parseTime(time)).toMatchObject({ reason: 'invalid_time' });
});
