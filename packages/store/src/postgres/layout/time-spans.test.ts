import fc from 'fast-check';
import { expect, it } from 'vitest';
import { spanOf, type TimeRange } from './time-spans.ts';

const us = (text: string) => Date.parse(text) * 1000;
const iso = ({ fromUs, untilUs }: TimeRange) =>
  [fromUs, untilUs].map((timeUs) => new Date(timeUs / 1000).toISOString().slice(0, 10));
const nowUs = us('2026-03-01T12:00:00Z');
const HOUR_US = 3_600_000_000;
const span = (time: string, widthUs?: number, ranges: TimeRange[] = []) =>
  iso(spanOf({ widthUs, timeUs: us(time), nowUs, ranges }));

it('spans a day near now, and a year far from it', () => {
  expect(span('2026-03-01T12:00:00Z')).toEqual(['2026-03-01', '2026-03-02']);
  expect(span('2026-01-20T00:00:00Z')).toEqual(['2026-01-20', '2026-01-21']);
  expect(span('2027-04-04T23:59:59Z')).toEqual(['2027-04-04', '2027-04-05']);
  expect(span('2025-12-25T00:00:00Z')).toEqual(['2025-01-01', '2026-01-01']);
  expect(span('1970-01-01T00:00:00Z')).toEqual(['1970-01-01', '1971-01-01']);
  expect(span('2255-06-05T00:00:00Z')).toEqual(['2255-01-01', '2256-01-01']);
});

it('leaves the days around now to come out of a year', () => {
  expect(span('2026-01-19T23:59:59Z')).toEqual(['2026-01-01', '2026-01-20']);
  expect(span('2027-04-05T00:00:00Z')).toEqual(['2027-04-05', '2028-01-01']);
});

it('spans as much of windows as their width suggests', () => {
  expect(span('2026-03-01T12:00:00Z', HOUR_US / 12)).toEqual(['2026-03-01', '2026-03-02']);
  expect(span('2026-03-01T12:00:00Z', HOUR_US)).toEqual(['2026-03-01', '2026-04-01']);
  expect(span('2026-03-01T12:00:00Z', 24 * HOUR_US)).toEqual(['2026-01-01', '2027-01-01']);
});

it('leaves to others what they hold', () => {
  const day = (from: string, until: string) => ({ fromUs: us(from), untilUs: us(until) });
  const ranges = [day('2026-01-12', '2026-01-13'), day('2026-01-05', '2026-01-06')];
  expect(span('2026-01-08T00:00:00Z', undefined, ranges)).toEqual(['2026-01-06', '2026-01-12']);
});

it('covers any times with ranges that never overlap, and few of them', () => {
  const time = fc.oneof(
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: -45 * 24, max: 5 * 24 }).map((hours) => nowUs + hours * HOUR_US),
  );
  const width = fc.constantFrom(undefined, HOUR_US / 12, HOUR_US, 24 * HOUR_US);
  fc.assert(
    fc.property(fc.array(time, { minLength: 1, maxLength: 300 }), width, (times, widthUs) => {
      const ranges: TimeRange[] = [];
      const covers = (timeUs: number) => (range: TimeRange) =>
        range.fromUs <= timeUs && timeUs < range.untilUs;
      for (const timeUs of times) {
        if (ranges.some(covers(timeUs))) continue;
        const made = spanOf({ widthUs, timeUs, nowUs, ranges });
        expect(covers(timeUs)(made)).toBe(true);
        for (const other of ranges) {
          expect(made.untilUs <= other.fromUs || made.fromUs >= other.untilUs).toBe(true);
        }
        ranges.push(made);
      }
      expect(ranges.length).toBeLessThanOrEqual(2 * (2255 - 1970) + 440);
    }),
  );
});
