import fc from 'fast-check';
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

it('has what it met in order before it keeps it and after, as if it had been added', () => {
  const flagged = fc.record({
    n: fc.nat(5),
    second: fc.nat(9),
    stale: fc.boolean(),
    unverified: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(fc.array(flagged)), (parts) => {
      const columns = parts.map((part) =>
        samplesOf(
          part.map(({ n, second, ...flags }, i) => ({
            ...{ series: seriesOf('s', { n: String(n) }), timeUs: NOON_US + second, value: i },
            ...flags,
          })),
        ),
      );
      const [met, added] = [new HeadSamples(), new HeadSamples()];
      for (const some of columns) {
        const odd = Uint32Array.from({ length: some.count >>> 1 }, (_, i) => 2 * i + 1);
        expect(met.meet(some, odd)).toBe(added.add(some, odd));
        expect(orderOf(met)).toEqual(orderOf(added));
      }
      met.keep();
      expect(orderOf(met)).toEqual(orderOf(added));
      const { count } = added;
      for (const column of ['times', 'values', 'flags'] as const) {
        expect(met[column].subarray(0, count)).toEqual(added[column].subarray(0, count));
      }
    }),
    { numRuns: 50 },
  );
});

function orderOf(head: HeadSamples) {
  const { flags, ...order } = head.bySeries(new OrderRoom());
  const ids = Array.from(order.series, (n) => [head.idHigh(n), head.idLow(n)]);
  return { ...order, ids, flags: head.flagsOfAny === 0 ? 0 : flags };
}

/** Adds samples, looks whether they are there by series, and clears. */
function fill(head: HeadSamples, columns: ReturnType<typeof columnsOf>): void {
  const rows = Uint32Array.from({ length: columns.count }, (_, i) => i);
  const series = head.add(columns, rows);
  expect([head.count, head.seriesCount]).toEqual([columns.count, series]);
  const { values, starts } = head.bySeries(new OrderRoom());
  expect(starts.length).toBe(series + 1);
  // Each has the value that is its number.
  expect(Array.from(values).toSorted((a, b) => a - b)).toEqual([...rows]);
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
