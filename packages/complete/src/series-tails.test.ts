import { SampleFlag, SampleKind } from '@millrace/model';
import { expect, it } from 'vitest';
import { SeriesTails } from './series-tails.ts';

const KIND = SampleKind.cumulative;

it('hold the oldest and the newest with a value between two windows, and tell how many', () => {
  const tails = new SeriesTails();
  const add = (at: number, timeUs: number): number =>
    tails.add(at, { timeUs, value: timeUs, startUs: NaN, flags: 0, kind: KIND });
  expect(add(0, 5)).toBe(2);
  expect([add(0, 9), add(0, 7), add(0, 3), add(0, 9)]).toEqual([0, 0, 0, 0]);
  expect([add(2, 20), add(2, 21)]).toEqual([2, 0]);
  expect([...tails.all()].map(({ timeUs }) => timeUs)).toEqual([3, 9, 20, 21]);
});

it('take any number without a value, of which one of the same time is not counted', () => {
  const tails = new SeriesTails();
  const more = { value: 0, startUs: NaN, kind: KIND };
  const count = 100_000;
  let held = 0;
  for (let timeUs = 0; timeUs < count; timeUs += 1) {
    held += tails.add(0, { ...more, timeUs, flags: SampleFlag.histogram });
  }
  expect(held).toBe(0);
  expect(tails.add(0, { ...more, timeUs: 7, flags: 0 })).toBe(0);
  expect(tails.add(0, { ...more, timeUs: count, flags: 0 })).toBe(2);
  expect([...tails.all()]).toHaveLength(1);
});
