import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { APPLIED } from './contract-subject.ts';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  NOON_US,
  samplesOf,
  SECOND_US,
  seriesIdHex,
  seriesOf,
  TENANT,
  totalsOf,
} from './entries.ts';
import { describeJobs } from './job-contract.ts';
import { describeLedger } from './ledger-contract.ts';
import { describeMarks } from './mark-contract.ts';
import type { StoreContents, StoreHarness } from './store-contents.ts';
import { describeUnverified } from './unverified-contract.ts';
import { describeWindows } from './window-contract.ts';

const UP = seriesOf('up');

/** What every adapter of the port must do. */
export function describeStore(name: string, create: () => Promise<StoreHarness>): void {
  describe(`${name} as a store`, () => {
    let harness: StoreHarness;
    let store: ReturnType<StoreHarness['open']>;

    beforeEach(async () => {
      harness = await create();
      store = harness.open();
    });
    afterEach(async () => {
      await store.close();
      await harness.dispose();
    });
    const see = <K extends keyof StoreContents>(what: K): Promise<StoreContents[K]> =>
      harness.contents().then((contents) => contents[what]);

    describeMarks(() => ({ harness, store }));
    describeJobs(() => ({ harness, store }));
    describeLedger(() => ({ harness, store }));
    describeUnverified(() => ({ harness, store }));
    describeWindows(() => ({ harness, store }));

    it('keeps samples with every value a float can have, and stale ones without any', async () => {
      await store.openMark(keyOf());
      const values = [1.5, -0, NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE];
      const samples = values.map((value, i) => ({
        series: UP,
        timeUs: NOON_US + i * SECOND_US,
        value,
      }));
      const stale = { series: UP, timeUs: NOON_US + 60 * SECOND_US, value: NaN, stale: true };
      const batch = batchOf({ to: addressOf(1) }, { samples: samplesOf([...samples, stale]) });
      expect(await store.apply(batch)).toEqual(APPLIED);
      expect((await see('samples')).map(({ value }) => value)).toEqual([...values, undefined]);
    });

    it('keeps samples of any time between 1970 and 2255, to the microsecond', async () => {
      await store.openMark(keyOf());
      const times = [0, 1, 86_399_999_999, 951_782_400_000_001, NOON_US, NOON_US + 1];
      times.push(NOON_US + 86_400 * SECOND_US, Number.MAX_SAFE_INTEGER);
      const samples = times.map((timeUs) => ({ series: UP, timeUs, value: 1 }));
      await store.apply(batchOf({ to: addressOf(1) }, { samples: samplesOf(samples) }));
      expect((await see('samples')).map(({ timeUs }) => timeUs)).toEqual(times);
    });

    it('appends what is equal again: that two samples are one is decided before it', async () => {
      await store.openMark(keyOf());
      const twice = samplesOf([
        { series: UP, timeUs: NOON_US, value: 1 },
        { series: UP, timeUs: NOON_US, value: 1 },
      ]);
      await store.apply(batchOf({ to: addressOf(1) }, { samples: twice }));
      expect(await see('samples')).toHaveLength(2);
    });

    it('takes chunks of one batch together', async () => {
      await store.openMark(keyOf());
      const chunk = (offset: number) => ({
        samples: samplesOf([{ series: UP, timeUs: NOON_US + offset * SECOND_US, value: offset }]),
        definitions: [definitionOf('up', {}, { seenUs: NOON_US + offset })],
      });
      await store.apply(batchOf({ to: addressOf(3) }, chunk(0), chunk(1), chunk(2)));
      expect((await see('samples')).map(({ value }) => value)).toEqual([0, 1, 2]);
      expect(await see('definitions')).toHaveLength(1);
    });

    it('keeps definitions, each series once, with the newest kind', async () => {
      await store.openMark(keyOf());
      const definitions = [
        definitionOf('up', { job: 'a' }),
        definitionOf('temperature', { room: 'Küche', 'quo"te': 'back\\slash\n' }, { kind: 4 }),
        definitionOf('up', { job: 'a' }, { kind: 1 }),
      ];
      await store.apply(batchOf({ to: addressOf(1) }, { definitions }));
      const up = { metric: 'up', labels: { job: 'a' }, tenant: TENANT };
      expect(await see('definitions')).toEqual(
        [
          { ...up, seriesId: seriesIdHex(definitions[0]!.fingerprint), kind: 'cumulative' },
          {
            seriesId: seriesIdHex(definitions[1]!.fingerprint),
            tenant: TENANT,
            metric: 'temperature',
            labels: { room: 'Küche', 'quo"te': 'back\\slash\n' },
            kind: 'unknown',
          },
        ].sort((a, b) => (a.seriesId < b.seriesId ? -1 : 1)),
      );
    });

    it('keeps the newest metadata of a metric', async () => {
      await store.openMark(keyOf());
      const entry = { tenant: TENANT, metric: 'up', type: 'gauge', help: 'One.', unit: '' };
      const metadata = [entry, { ...entry, help: 'Two.', unit: 'bytes' }];
      await store.apply(batchOf({ to: addressOf(1) }, { metadata }));
      expect(await see('metadata')).toEqual([metadata[1]]);
    });

    it('keeps histograms, exemplars, unverified samples and dead letters', async () => {
      await store.openMark(keyOf());
      const at = { fingerprint: UP, timeUs: NOON_US };
      const lost = { ...at, tenant: TENANT, value: 2, receivedAtUs: NOON_US };
      await store.apply(
        batchOf(
          { to: addressOf(1) },
          {
            histograms: [{ ...at, flags: 0, histogram: Uint8Array.of(1, 2, 3) }],
            exemplars: [{ ...at, value: 1, labels: [['trace_id', 'abc']] }],
            unverified: [{ ...lost, flags: 0 }],
            deadLetters: [{ ...lost, reason: 'bad_value', detail: 'It is\0bad.' }],
          },
        ),
      );
      const contents = await harness.contents();
      expect(contents.histograms).toEqual([
        { seriesId: seriesIdHex(UP), timeUs: NOON_US, histogram: '010203', unverified: false },
      ]);
      expect(contents.exemplars).toBe(1);
      expect(contents.unverified).toEqual([{ tenant: TENANT, timeUs: NOON_US, value: 2 }]);
      expect(contents.deadLetters).toMatchObject([{ tenant: TENANT, reason: 'bad_value' }]);
    });

    it('has the newest totals of every tenant, and the watermark', async () => {
      await store.openMark(keyOf());
      const entry = (position: number, stored: number) => ({
        totals: [totalsOf({ accepted: stored, stored })],
        partitionTimeUs: NOON_US + position,
        watermarkUs: NOON_US - 60 * SECOND_US + position,
        position,
      });
      const other = {
        ...entry(7, 0),
        totals: [totalsOf({ tenant: 'zed', accepted: 1, dropped: 1 })],
      };
      await store.apply(batchOf({ to: addressOf(9) }, { ledger: [entry(5, 10), entry(6, 12)] }));
      await store.apply(batchOf({ from: addressOf(9), to: addressOf(11) }, { ledger: [other] }));
      expect(await harness.ledger(0)).toEqual([
        totalsOf({ accepted: 12, stored: 12 }),
        totalsOf({ tenant: 'zed', accepted: 1, dropped: 1 }),
      ]);
      expect(await see('watermarks')).toEqual([
        { partition: 0, position: 7, watermarkUs: NOON_US - 60 * SECOND_US + 7 },
      ]);
    });

    it('serves the first edition of a rule, whichever partition brings it', async () => {
      const edition = (number: number) => ({
        edition: number,
        rule: 'raw',
        definition: '{"name":"raw"}',
        widthsUs: [300 * SECOND_US, 3600 * SECOND_US],
        aggregates: ['count', 'sum'],
        fromPosition: 1,
        fromPartitionTimeUs: NOON_US,
        fromLargestTimeUs: NOON_US,
        partitions: 2,
      });
      for (const partition of [0, 1]) {
        await store.openMark(keyOf({ partition }));
        await store.apply(
          batchOf({ to: addressOf(1), key: { partition } }, { editions: [edition(3)] }),
        );
      }
      const later = batchOf({ from: addressOf(1), to: addressOf(2) }, { editions: [edition(4)] });
      await store.apply(later);
      const { rule, widthsUs, aggregates } = edition(0);
      expect(await see('editions')).toEqual([
        { edition: 3, rule, widthsUs, aggregates },
        { edition: 4, rule, widthsUs, aggregates },
      ]);
      expect(await see('served')).toEqual([{ rule: 'raw', edition: 3 }]);
    });
  });
}
