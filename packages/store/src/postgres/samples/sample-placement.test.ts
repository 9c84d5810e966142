import { describe, expect, it } from 'vitest';
import { NOON_US, samplesOf, SECOND_US, seriesOf } from '../../testing/entries.ts';
import { HeadSamples } from './head-samples.ts';
import { OrderRoom } from './order-room.ts';
import type { SampleHead } from './sample-heads.ts';
import { PACKING_DEFAULTS, placeSamples, type Placement } from './sample-placement.ts';
import type { SampleRows } from './sample-rows.ts';

const room = (): OrderRoom => new OrderRoom();
const isTurn = (): boolean => true;

describe('samples in the head', () => {
  it('wait for no longer because the clock was set back', () => {
    const head = emptyHead();
    const settings = { ...PACKING_DEFAULTS, headMsMax: 10_000 };
    const place = (second: number): Placement['kind'] =>
      placeSamples({
        ...{ head, rows: rowsOf(1), settings, isTurn, room },
        nowUs: NOON_US + second * SECOND_US,
      }).kind;
    expect(place(0)).toBe('head');
    expect(place(-3600)).toBe('head');
    expect(place(-3591)).toBe('head');
    expect(place(-3590)).toBe('packed');
  });
});

describe('a batch of many samples of each series', () => {
  const settings = { ...PACKING_DEFAULTS, densePerSeriesMin: 8, denseRowsMin: 80 };
  const place = (head: SampleHead, rows: SampleRows): Placement['kind'] =>
    placeSamples({ head, rows, settings, nowUs: NOON_US, isTurn, room }).kind;

  it('is packed at once', () => {
    expect(place(emptyHead(), rowsOf(10, 8))).toBe('packed');
    expect(place(emptyHead(), rowsOf(10, 7))).toBe('head');
  });

  it('is packed at once with fewer of each when a full head would hardly have more', () => {
    const few = { ...settings, headRowsMin: 200, headRowsMax: 600, longPerSeries: 16 };
    const placed = (each: number): Placement =>
      placeSamples({
        head: emptyHead(),
        rows: rowsOf(100, each),
        settings: few,
        nowUs: NOON_US,
        ...{ isTurn, room },
      });
    expect(placed(2)).toEqual({ kind: 'head', cheaperFrom: 1600 });
    expect(placed(3)).toMatchObject({ kind: 'packed', cheaperFrom: 1600 });
    // With what waits already there are as many, and the batch brings most of them.
    const then = (each: number): Placement => {
      const head = emptyHead();
      expect(place(head, rowsOf(100, 1.5))).toBe('head');
      const rows = rowsOf(100, each);
      return placeSamples({ head, rows, settings: few, nowUs: NOON_US, isTurn, room });
    };
    expect(then(1.9).kind).toBe('head');
    expect(then(2.1)).toMatchObject({ kind: 'packed', emptied: 150 });
    const many = { ...few, headRowsMin: 800 };
    const rows = rowsOf(100, 2);
    const told = placeSamples({
      ...{ head: emptyHead(), rows, settings: many, nowUs: NOON_US },
      ...{ isTurn, room },
    });
    expect(told.cheaperFrom).toBe(0);
  });

  it('waits with many series of which few wait already: their rows would be of one sample', () => {
    const head = emptyHead();
    expect(place(head, rowsOf(100))).toBe('head');
    expect(place(head, rowsOf(10, 8))).toBe('head');
    // 180 samples of 100 series; then there are eight of each.
    expect(place(head, rowsOf(10, 61))).toBe('head');
    expect(place(head, rowsOf(10, 8))).toBe('packed');
  });
});

describe('a full head', () => {
  const settings = { ...PACKING_DEFAULTS, headRowsMin: 100, packSamplesMin: 10, headRowsMax: 1000 };
  const place = (head: SampleHead, rows: SampleRows, turn: () => boolean): Placement['kind'] =>
    placeSamples({ head, rows, settings, nowUs: NOON_US, isTurn: turn, room }).kind;
  const never = (): boolean => false;
  const unasked = (): boolean => {
    throw new Error('It was not full');
  };

  it('is packed when it is its turn, which is asked only when it is full', () => {
    const head = emptyHead();
    expect(place(head, rowsOf(20, 5), unasked)).toBe('head');
    expect(place(head, rowsOf(20, 5), () => true)).toBe('packed');
  });

  it('grows by half while it is not, and no further', () => {
    const head = emptyHead();
    expect(place(head, rowsOf(20, 10), never)).toBe('head');
    expect(place(head, rowsOf(19, 5), never)).toBe('head');
    expect(place(head, rowsOf(5, 1), never)).toBe('packed');
  });

  it('has no more than `headRowsMax`', () => {
    expect(place(emptyHead(), rowsOf(90, 11), never)).toBe('head');
    expect(place(emptyHead(), rowsOf(100, 10), never)).toBe('packed');
  });
});

function emptyHead(): SampleHead {
  return { version: 0, samples: new HeadSamples(), sinceUs: undefined };
}

/** So many samples of each of so many series, on average. */
function rowsOf(series: number, each = 1): SampleRows {
  const none = new Uint32Array(0);
  const count = series * each;
  const samples = samplesOf(
    Array.from({ length: count }, (_, i) => ({
      ...{ series: seriesOf('s', { i: String(i % series) }), timeUs: NOON_US + i, value: i },
    })),
  );
  const verified = Uint32Array.from({ length: count }, (_, i) => i);
  return { samples, verified, unverified: none, untimely: none };
}
