import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DAY_US, timesNear } from '../postgres/layout/time-spans.ts';
import { chunkLengthUs } from './hypertable-layout.ts';

const us = (text: string) => Date.parse(text) * 1000;
const nowUs = us('2026-03-01T12:00:00Z');
const near = timesNear(undefined, nowUs);
const days = (text: string) => chunkLengthUs(us(text), near) / DAY_US;

it('makes chunks of a year far from now, and shorter ones the nearer it is', () => {
  expect(days('1970-01-01T00:00:00Z')).toBe(364);
  expect(days('2024-06-01T00:00:00Z')).toBe(364);
  expect(days('2025-12-01T00:00:00Z')).toBe(7);
  expect(days('2026-01-19T23:59:59Z')).toBe(1);
  expect(days('2027-04-05T00:00:00Z')).toBe(1);
  expect(days('2255-06-05T00:00:00Z')).toBe(364);
});

it('never makes one that reaches into the days around now, and never many', () => {
  const time = fc
    .oneof(
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: -5000, max: 5000 }).map((hours) => nowUs + (hours * DAY_US) / 24),
    )
    .filter((timeUs) => timeUs < near.fromUs || timeUs >= near.untilUs);
  const starts = new Set<number>();
  fc.assert(
    fc.property(time, (timeUs) => {
      const lengthUs = chunkLengthUs(timeUs, near);
      const fromUs = Math.floor(timeUs / lengthUs) * lengthUs;
      expect(fromUs + lengthUs <= near.fromUs || fromUs >= near.untilUs).toBe(true);
      starts.add(fromUs);
    }),
    { numRuns: 5000 },
  );
  // Years from 1970 to 2255, and some shorter ones on both sides of now.
  expect(starts.size).toBeLessThan(330);
});
