import { describe, expect, it } from 'vitest';
import { NOON_US, samplesOf, seriesOf } from '../../testing/entries.ts';
import { HeadSamples } from './head-samples.ts';
import { OrderRoom } from './order-room.ts';

describe('the room of what waits to be packed', () => {
  const few = columnsOf(600, 10);
  const many = columnsOf(20_000, 5_000);

  it('is given back when it was needed once and is not any more', () => {
    const head = new HeadSamples();
    const emptyBytes = head.roomBytes;
    fill(head, many);
    const mostBytes = head.roomBytes;
    expect(mostBytes).toBeGreaterThan(10 * emptyBytes);
    for (let i = 0; i < 8; i += 1) fill(head, few);
    expect(head.roomBytes).toBeLessThan(mostBytes / 4);
    fill(head, many);
    expect(head.roomBytes).toBeGreaterThan(mostBytes / 2);
  });

  it('goes to the next head when very many rows were there, with nothing of them', () => {
    const [one, other] = [new HeadSamples(), new HeadSamples()];
    const veryMany = Uint32Array.from({ length: 1_100_000 }, (_, i) => i % few.count);
    one.add(few, veryMany);
    const { times } = one;
    one.clear();
    expect(one.times).not.toBe(times);
    other.add(few, veryMany.subarray(0, 7));
    other.add(few, veryMany);
    expect(other.times.buffer === times.buffer).toBe(true);
    const wrong = Array.from({ length: other.count }, (_, i) => i).filter((i) => {
      const row = i < 7 ? i : veryMany[i - 7]!;
      return other.times[i] !== few.times[row] || other.values[i] !== few.values[row];
    });
    expect([other.count, wrong]).toEqual([1_100_007, []]);
  });

  it('stays when it is needed again and again', () => {
    const head = new HeadSamples();
    fill(head, many);
    const { times, roomBytes } = head;
    for (const columns of [few, many, few, few, many, many]) fill(head, columns);
    expect(head.times).toBe(times);
    expect(head.roomBytes).toBe(roomBytes);
  });
});

/** Adds samples, looks whether they are there by series, and clears. */
function fill(head: HeadSamples, columns: ReturnType<typeof columnsOf>): void {
  const rows = Uint32Array.from({ length: columns.count }, (_, i) => i);
  const series = head.add(columns, rows);
  expect([head.count, head.seriesCount]).toEqual([columns.count, series]);
  const { rows: ordered, starts } = head.bySeries(new OrderRoom());
  expect(starts.length).toBe(series + 1);
  expect(Array.from(ordered).toSorted((a, b) => a - b)).toEqual([...rows]);
  expect(head.times.subarray(0, head.count)).toEqual(columns.times);
  head.clear();
  expect([head.count, head.seriesCount]).toEqual([0, 0]);
}

function columnsOf(count: number, series: number) {
  const all = Array.from({ length: series }, (_, n) => seriesOf('s', { n: String(n) }));
  return samplesOf(
    Array.from({ length: count }, (_, i) => ({
      ...{ series: all[i % series]!, timeUs: NOON_US + i, value: i },
    })),
  );
}
