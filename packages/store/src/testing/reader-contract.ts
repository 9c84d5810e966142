import { PieceInputs, SampleFlag } from '@millrace/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../store.ts';
import { EVERYTHING } from '../reader-rows.ts';
import { type StoreReader, type StoreSnapshot } from '../store-reader.ts';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  NOON_US,
  pieceOf,
  samplesOf,
  SECOND_US,
  seriesOf,
  TENANT,
  totalsOf,
} from './entries.ts';

export interface ReaderHarness {
  open(): Store;
  openReader(): StoreReader;
  dispose(): Promise<void>;
}

const UP = seriesOf('up');
const DOWN = seriesOf('down');

/** What every adapter of the reading port must do. */
export function describeStoreReader(name: string, create: () => Promise<ReaderHarness>): void {
  describe(`${name} as a store that is read`, () => {
    let harness: ReaderHarness;
    let store: Store;
    let reader: StoreReader;
    let snapshot: StoreSnapshot | undefined;

    beforeEach(async () => {
      harness = await create();
      store = harness.open();
      reader = harness.openReader();
      await store.openMark(keyOf());
    });
    afterEach(async () => {
      await snapshot?.close();
      snapshot = undefined;
      await reader.close();
      await store.close();
      await harness.dispose();
    });
    const look = async (): Promise<StoreSnapshot> => (snapshot = await reader.snapshot());

    it('gives back samples to the bit, whatever their value', async () => {
      const values = [1.5, -0, NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE];
      const rows = values.map((value, i) => ({
        series: UP,
        timeUs: NOON_US + i * SECOND_US + 1,
        value,
      }));
      const stale = { series: DOWN, timeUs: 0, value: NaN, stale: true, unverified: true };
      const samples = samplesOf([...rows, stale]);
      await store.apply(batchOf({ to: addressOf(1) }, { samples }));
      const found = await allSamples((await look()).samples(EVERYTHING));
      expect(found).toHaveLength(values.length + 1);
      for (const [i, value] of values.entries()) {
        const row = found.find(({ timeUs }) => timeUs === rows[i]!.timeUs)!;
        expect(Object.is(row.value, value)).toBe(true);
        expect(row).toMatchObject({ id: idText(UP), flags: 0, absent: 0 });
      }
      const flags = SampleFlag.stale | SampleFlag.unverified;
      expect(found.find(({ timeUs }) => timeUs === 0)).toMatchObject({ flags, absent: 1 });
    });

    it('gives back many samples, in parts that hold each of them once', async () => {
      const count = 10_000;
      const rows = Array.from({ length: count }, (_, i) => ({
        series: i % 3 === 0 ? UP : DOWN,
        timeUs: NOON_US + i,
        value: i,
      }));
      await store.apply(batchOf({ to: addressOf(1) }, { samples: samplesOf(rows) }));
      const found = await allSamples((await look()).samples(EVERYTHING));
      expect(found.map(({ value }) => value).sort((a, b) => a - b)).toEqual(
        rows.map(({ value }) => value),
      );
      const slices = 2;
      const sliced = await Promise.resolve(
        allSamples(snapshot!.samples({ ...EVERYTHING, slices, slice: 0 })),
      );
      const rest = await allSamples(snapshot!.samples({ ...EVERYTHING, slices, slice: 1 }));
      expect(sliced.length + rest.length).toBe(count);
      for (const { id } of sliced) expect(Number.parseInt(id.slice(8), 16) % slices).toBe(0);
    });

    it('keeps to the times that are asked for: from the first, up to the last', async () => {
      const times = [NOON_US - 1, NOON_US, NOON_US + 1, NOON_US + 2];
      const samples = samplesOf(times.map((timeUs) => ({ series: UP, timeUs, value: 1 })));
      await store.apply(batchOf({ to: addressOf(1) }, { samples }));
      const scope = { ...EVERYTHING, fromUs: NOON_US, untilUs: NOON_US + 2 };
      const found = await allSamples((await look()).samples(scope));
      expect(found.map(({ timeUs }) => timeUs).sort((a, b) => a - b)).toEqual([
        NOON_US,
        NOON_US + 1,
      ]);
    });

    it('stays as it was when others go on', async () => {
      const one = (at: number) => ({
        samples: samplesOf([{ series: UP, timeUs: NOON_US + at, value: at }]),
      });
      await store.apply(batchOf({ to: addressOf(1) }, one(1)));
      const before = await look();
      await store.apply(batchOf({ from: addressOf(1), to: addressOf(2) }, one(2)));
      expect(await allSamples(before.samples(EVERYTHING))).toHaveLength(1);
      expect((await before.positions()).map(({ mark }) => mark.offset)).toEqual([1]);
    });

    it('tells marks, positions and totals', async () => {
      const totals = totalsOf({ accepted: 9, stored: 3, duplicate: 4, lost: 2 });
      const [partitionTimeUs, watermarkUs] = [NOON_US + 3, NOON_US - 60 * SECOND_US + 3];
      const ledger = [{ totals: [totals], partitionTimeUs, watermarkUs, position: 4 }];
      await store.apply(batchOf({ to: addressOf(5, 2) }, { ledger }));
      const { logId, logNumber } = keyOf();
      expect(await (await look()).positions()).toMatchObject([
        {
          ...{ logId, logNumber, partition: 0, source: 'live', isOpen: true },
          ...{ mark: addressOf(5, 2), position: 4, partitionTimeUs, watermarkUs },
        },
      ]);
      expect(await snapshot!.totals()).toEqual([
        {
          ...totals,
          ...{ logId, partition: 0, source: 'live', unverifiedToStored: 0 },
          ...{ unverifiedToDuplicate: 0, unverifiedToDeadLetter: 0, storedToDeadLetter: 0 },
          ...{ deadLetterToDuplicate: 0, deadLetterToDropped: 0 },
        },
      ]);
    });

    it('gives back pieces with every column, and those without', async () => {
      const { fingerprint, ...full } = pieceOf({
        ...{ count: 3, sum: 0.1, min: -0, max: Infinity, first: NaN, firstTimeUs: NOON_US + 1 },
        ...{ last: 2, lastTimeUs: NOON_US + 9, increase: 4, marked: true },
        ...{ histogram: Uint8Array.of(1, 2), distinct: Uint8Array.of(3), inputs: inputsOf(UP) },
      });
      const bare = pieceOf({ startUs: NOON_US + 300 * SECOND_US, count: 0 });
      const finals = [{ fingerprint, ...full }];
      await store.apply(batchOf({ to: addressOf(1) }, { finals, open: [bare] }));
      const found = await all((await look()).pieces(EVERYTHING));
      const seriesId = fingerprint.slice(0, 8);
      expect(found.find(({ isFinal }) => isFinal)).toEqual({
        ...full,
        ...{ seriesId, partition: 0, isFinal: true },
      });
      expect(found.find(({ isFinal }) => !isFinal)).toMatchObject({ count: 0, partition: 0 });
      expect(found.find(({ isFinal }) => !isFinal)?.inputs).toBeUndefined();
    });

    it('gives back exemplars, metadata, editions and what is served of them', async () => {
      const labels: [string, string][] = [
        ['a', 'b"'],
        ['trace', 'Ü'],
      ];
      const exemplar = { fingerprint: UP, timeUs: NOON_US + 1, value: -0, labels };
      const metadata = { tenant: TENANT, metric: 'up', type: 'gauge', unit: 's', help: 'a "b"' };
      const edition = {
        ...{ edition: 7, rule: 'rollup', definition: '{"b":[1],"a":"x"}' },
        ...{ widthsUs: [3600 * SECOND_US, 300 * SECOND_US], aggregates: ['sum', 'count'] },
      };
      const start = { fromPosition: 3, fromPartitionTimeUs: NOON_US + 5, fromLargestTimeUs: 0 };
      const end = { edition: 7, position: 9, untilUs: NOON_US + 11 };
      const editions = [{ ...edition, ...start, partitions: 1 }];
      const begun = { exemplars: [exemplar], metadata: [metadata], editions };
      await store.apply(batchOf({ to: addressOf(1) }, begun, { editionEnds: [end] }));
      const { fingerprint: _, ...rest } = exemplar;
      const found = await all((await look()).exemplars(EVERYTHING));
      expect(found).toEqual([{ ...rest, seriesId: UP.slice(0, 8) }]);
      const early = { ...EVERYTHING, untilUs: NOON_US };
      expect(await all(snapshot!.exemplars(early))).toEqual([]);
      expect(await all(snapshot!.metadata())).toEqual([metadata]);
      const read = await snapshot!.editions();
      const [{ definition, ...one } = edition] = read.editions;
      const { definition: written, ...other } = edition;
      expect(one).toEqual({ ...other, candidate: undefined, isDropped: false });
      expect(JSON.parse(definition)).toEqual(JSON.parse(written));
      const at = { logId: keyOf().logId, partition: 0 };
      expect(read.starts).toEqual([{ edition: 7, ...at, ...start, partitions: 1 }]);
      expect(read.ends).toEqual([{ ...end, ...at }]);
      const shown = [{ rule: 'rollup', edition: 7, fromUs: -Infinity, untilUs: Infinity }];
      expect([read.served, read.toServe]).toEqual([shown, shown]);
    });

    it('gives back candidates and the ends of their jobs, and shows nothing of them', async () => {
      const start = { fromPosition: 3, fromPartitionTimeUs: NOON_US, fromLargestTimeUs: NOON_US };
      const edition = {
        ...{ edition: 41, rule: 'rollup', definition: '{}', widthsUs: [SECOND_US] },
        ...{ aggregates: ['sum'], ...start, partitions: 1, candidate: 40 },
      };
      const end = {
        ...{ candidate: 40, position: 3, partitions: 1 },
        editions: [{ edition: 41, fromUs: [-Infinity, NOON_US + 1] }],
      };
      await store.apply(batchOf({ to: addressOf(4) }, { editions: [edition] }));
      const key = { source: 'job-40' };
      await store.apply(batchOf({ to: addressOf(4), key }, { jobEnds: [end] }));
      const read = await (await look()).editions();
      expect(read.editions).toMatchObject([{ edition: 41, candidate: 40, isDropped: false }]);
      expect(read.jobEnds).toEqual([{ ...end, logId: keyOf().logId, partition: 0 }]);
      expect([read.served, read.toServe, read.promotions]).toEqual([[], [], []]);
      const positions = await snapshot!.positions();
      expect(positions.find(({ source }) => source === 'job-40')).toMatchObject({
        ...{ isOpen: false, mark: addressOf(4) },
      });
      expect(positions).toHaveLength(2);
    });

    it('gives back definitions, histograms, unverified samples and dead letters', async () => {
      const first = definitionOf('up', { room: 'Küche', 'quo"te': 'back\\slash\n' });
      const again = { ...first, kind: 4, seenUs: NOON_US + 5 };
      const at = { fingerprint: UP, timeUs: NOON_US };
      const beside = { ...at, tenant: TENANT, value: 2, receivedAtUs: NOON_US + 7 };
      await store.apply(
        batchOf(
          { to: addressOf(1) },
          {
            definitions: [first, again],
            histograms: [{ ...at, flags: 0, histogram: Uint8Array.of(1, 2, 3) }],
            unverified: [{ ...beside, flags: SampleFlag.unverified }],
            deadLetters: [{ ...beside, reason: 'bad_value', detail: 'It is bad.' }],
          },
        ),
      );
      const { fingerprint, tenant, labels } = first;
      expect(await all((await look()).definitions(EVERYTHING))).toEqual([
        { fingerprint, tenant, labels, kind: 4, firstSeenUs: NOON_US, lastSeenUs: NOON_US + 5 },
      ]);
      for await (const { count, histograms, idLow, times } of snapshot!.histograms(EVERYTHING)) {
        if (count === 0) continue;
        expect(histograms[0]).toEqual(Uint8Array.of(1, 2, 3));
        expect([idLow[0]!.toString(16).padStart(8, '0'), times[0]]).toEqual([
          idText(UP).slice(8),
          NOON_US,
        ]);
      }
      expect(await all(snapshot!.unverified(EVERYTHING))).toEqual([
        { ...beside, partition: 0, flags: SampleFlag.unverified },
      ]);
      expect(await all(snapshot!.deadLetters())).toMatchObject([
        {
          ...{ partition: 0, source: 'live', entry: 'sample', tenant: TENANT, reason: 'bad_value' },
          ...{ seriesId: UP.slice(0, 8), timeUs: NOON_US, value: 2 },
        },
      ]);
    });
  });
}

interface FoundSample {
  id: string;
  timeUs: number;
  value: number;
  flags: number;
  absent: number;
}

async function allSamples(batches: ReturnType<StoreSnapshot['samples']>): Promise<FoundSample[]> {
  const found: FoundSample[] = [];
  for await (const { count, idHigh, idLow, times, values, flags, absent } of batches) {
    for (let i = 0; i < count; i += 1) {
      const id = [idHigh[i]!, idLow[i]!].map((half) => half.toString(16).padStart(8, '0')).join('');
      const [timeUs, value] = [times[i]!, values[i]!];
      found.push({ id, timeUs, value, flags: flags[i]!, absent: absent[i]! });
    }
  }
  return found;
}

async function all<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const some of batches) found.push(...some);
  return found;
}

function idText(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint.subarray(0, 8)).toString('hex');
}

/** One input series, as `PieceInputs` writes it. */
function inputsOf(fingerprint: Uint8Array): Uint8Array {
  const inputs = PieceInputs.empty();
  inputs.set(fingerprint, 0, NOON_US + 2, 7);
  return inputs.encode();
}
