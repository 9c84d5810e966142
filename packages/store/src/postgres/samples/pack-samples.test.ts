import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NOON_US, samplesOf, SECOND_US, seriesIdHex, seriesOf } from '../../testing/entries.ts';
import { HeadSamples } from './head-samples.ts';
import { OrderRoom } from './order-room.ts';
import { bucketOfPack, PACK_SAMPLES_MAX, packSamples, type Packs } from './pack-samples.ts';
import { bucketOf } from './sample-copy.ts';
import { DAY_US } from '../layout/time-spans.ts';

const sample = fc.record({
  n: fc.integer({ min: 0, max: 400 }),
  second: fc.oneof(
    fc.integer({ min: 0, max: 700 }),
    fc.integer({ min: 12 * 3600 - 60, max: 12 * 3600 + 60 }),
  ),
});

it('has every sample once, by series and time, in rows that keep their promises', () => {
  fc.assert(
    fc.property(
      fc.array(sample, { maxLength: 1500, size: 'max' }),
      fc.boolean(),
      (list, isOfOne) => {
        const all = list.map(({ n, second }, i) => ({
          series: seriesOf('s', { n: String(isOfOne ? 0 : n) }),
          ...{ timeUs: NOON_US + second * SECOND_US, value: i },
        }));
        const samples = new HeadSamples();
        const columns = samplesOf(all);
        const half = all.length >>> 1;
        samples.add(
          columns,
          Uint32Array.from({ length: half }, (_, i) => i),
        );
        samples.add(
          columns,
          Uint32Array.from({ length: all.length - half }, (_, i) => half + i),
        );
        const packs = packSamples(samples, new OrderRoom());
        expect(Array.from(packs.values).toSorted((a, b) => a - b)).toEqual([...all.keys()]);
        let before: { id: bigint; timeUs: number } | undefined;
        for (let pack = 0; pack < packs.count; pack += 1) {
          // Each has the value that is its number.
          const rows = packs.values.subarray(packs.starts[pack]!, packs.starts[pack + 1]!);
          expect(rows.length).toBeGreaterThan(0);
          expect(rows.length).toBeLessThanOrEqual(PACK_SAMPLES_MAX);
          const bucketUs = bucketOfPack(packs, pack);
          const series = seriesIdHex(all[rows[0]!]!.series);
          expect(idOfPack(packs, pack)).toBe(series);
          const from = packs.starts[pack]!;
          for (const [i, row] of rows.entries()) {
            expect(packs.times[from + i]).toBe(all[row]!.timeUs);
            const { timeUs } = all[row]!;
            expect(seriesIdHex(all[row]!.series)).toBe(series);
            expect(bucketUs - bucketOf(timeUs)).toBeGreaterThanOrEqual(0);
            expect(bucketUs - bucketOf(timeUs)).toBeLessThanOrEqual(600 * SECOND_US);
            expect(Math.floor(bucketUs / DAY_US)).toBe(Math.floor(timeUs / DAY_US));
            const id = BigInt.asIntN(64, BigInt(`0x${series}`));
            if (before?.id === id) expect(timeUs).toBeGreaterThanOrEqual(before.timeUs);
            // By the first half of the id, as the index has them.
            else expect(before === undefined || before.id >> 32n <= id >> 32n).toBe(true);
            before = { id, timeUs };
          }
        }
      },
    ),
    { numRuns: 10 },
  );
});

function idOfPack({ samples, series }: Packs, pack: number): string {
  const halves = [samples.idHigh(series[pack]!), samples.idLow(series[pack]!)];
  return halves.map((half) => half.toString(16).padStart(8, '0')).join('');
}
