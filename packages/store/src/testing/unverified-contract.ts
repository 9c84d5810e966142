import { expect, it } from 'vitest';
import { APPLIED, type Subject } from './contract-subject.ts';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  NOON_US,
  samplesOf,
  SECOND_US,
  seriesOf,
  totalsOf,
} from './entries.ts';

const UP = seriesOf('up');
const TEMPERATURE = seriesOf('temperature', { room: 'Küche' });

/** Samples of which only the store can tell whether they are new. */
export function describeUnverified(subject: Subject): void {
  const seconds = (second: number) => NOON_US + second * SECOND_US;

  it('stores an unverified sample only where nothing is, and moves its count', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    const definitions = [definitionOf('up')];
    const known = samplesOf([{ series: UP, timeUs: seconds(1), value: 1 }]);
    await store.apply(batchOf({ to: addressOf(1) }, { definitions, samples: known }));
    const unverified = [1, 2, 2, 3].map((second, i) => ({
      series: UP,
      timeUs: seconds(second),
      value: 10 + i,
      unverified: true,
      stale: second === 3,
    }));
    const alsoNew = { series: UP, timeUs: seconds(4), value: 4 };
    const batch = batchOf(
      { from: addressOf(1), to: addressOf(2) },
      {
        samples: samplesOf([...unverified, alsoNew]),
        ledger: [
          {
            totals: [totalsOf({ accepted: 6, stored: 2, unverified: 4 })],
            partitionTimeUs: seconds(5),
            watermarkUs: seconds(4),
            position: 2,
          },
        ],
      },
    );
    expect(await store.apply(batch)).toEqual({ ...APPLIED, unverifiedDuplicates: 2 });
    const { samples } = await harness.contents();
    expect(samples.map(({ timeUs, value, unverified: is }) => [timeUs, value, is])).toEqual([
      [seconds(1), 1, false],
      [seconds(2), 11, true],
      [seconds(3), undefined, true],
      [seconds(4), 4, false],
    ]);
    expect(await harness.ledger(0)).toEqual([totalsOf({ accepted: 6, stored: 4, duplicate: 2 })]);
  });

  it('treats unverified histograms alike', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    const entry = (second: number, flags: number, byte: number) => ({
      fingerprint: UP,
      timeUs: seconds(second),
      flags,
      histogram: Uint8Array.of(byte),
    });
    const histograms = [entry(1, 0, 1), entry(1, 32, 2), entry(2, 32, 3)];
    const result = await store.apply(
      batchOf({ to: addressOf(1) }, { definitions: [definitionOf('up')], histograms }),
    );
    expect(result).toEqual({ ...APPLIED, unverifiedDuplicates: 1 });
    expect((await harness.contents()).histograms.map(({ histogram }) => histogram)).toEqual([
      '01',
      '03',
    ]);
  });

  it('keeps the ledger balanced while moved counts are ahead of the totals', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    const samples = samplesOf([
      { series: TEMPERATURE, timeUs: seconds(1), value: 1, unverified: true },
      { series: TEMPERATURE, timeUs: seconds(1), value: 1, unverified: true },
    ]);
    const definitions = [definitionOf('temperature', { room: 'Küche' })];
    await store.apply(batchOf({ to: addressOf(1) }, { definitions, samples }));
    for (const totals of await harness.ledger(0)) expect(totals).toEqual(totalsOf({}));
    const ledger = [
      {
        totals: [totalsOf({ accepted: 2, unverified: 2 })],
        partitionTimeUs: seconds(5),
        watermarkUs: seconds(4),
        position: 2,
      },
    ];
    await store.apply(batchOf({ from: addressOf(1), to: addressOf(2) }, { ledger }));
    expect(await harness.ledger(0)).toEqual([totalsOf({ accepted: 2, stored: 1, duplicate: 1 })]);
  });
}
