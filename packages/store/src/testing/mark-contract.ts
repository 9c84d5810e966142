import { ADDRESS_ZERO } from '@millrace/model';
import { expect, it } from 'vitest';
import type { Store } from '../store.ts';
import { APPLIED, OUTRUN, type Subject } from './contract-subject.ts';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  LOG_ID,
  NOON_US,
  OTHER_LOG_ID,
  samplesOf,
  seriesOf,
  TENANT,
} from './entries.ts';

const UP = seriesOf('up');

/** Marks: opened once, moved by compare-and-set, bound to a log. */
export function describeMarks(subject: Subject): void {
  const sample = (value: number) => ({
    samples: samplesOf([{ series: UP, timeUs: NOON_US, value }]),
  });
  const markOf = async (store: Store, partition = 0) =>
    (await store.marks(partition)).get('live')?.mark;

  it('has no marks of a partition it never heard of', async () => {
    expect(await subject().store.marks(3)).toEqual(new Map());
  });

  it('opens a mark at zero, and again without effect', async () => {
    const { store } = subject();
    await store.openMark(keyOf());
    expect(await store.marks(0)).toEqual(
      new Map([['live', { logId: LOG_ID, logNumber: 1, mark: ADDRESS_ZERO }]]),
    );
    await store.apply(batchOf({ to: addressOf(5, 2) }));
    await store.openMark(keyOf());
    expect(await markOf(store)).toEqual(addressOf(5, 2));
  });

  it('tells how far the ledger counts, and up to which time', async () => {
    const { store } = subject();
    await store.openMark(keyOf());
    const watermarkUs = NOON_US - 60_000_000;
    const ledger = { totals: [], partitionTimeUs: NOON_US + 1, watermarkUs, position: 4 };
    await store.apply(batchOf({ to: addressOf(5) }, { ledger: [ledger] }));
    await store.apply(batchOf({ from: addressOf(5), to: addressOf(6) }));
    const mark = { logId: LOG_ID, logNumber: 1, mark: addressOf(6) };
    const counted = { position: 4, partitionTimeUs: NOON_US + 1 };
    expect((await store.marks(0)).get('live')).toEqual({ ...mark, counted });
    expect((await store.flushedMarks()).get(0)).toEqual({ ...mark, counted });
  });

  it('keeps the newest event that was told, whoever tells none', async () => {
    const { store } = subject();
    await store.openMark(keyOf());
    const folded = { offset: 4, digest: '0f'.repeat(16) };
    await store.apply({ ...batchOf({ to: addressOf(5) }), folded });
    await store.apply(batchOf({ from: addressOf(5), to: addressOf(6) }));
    const mark = { logId: LOG_ID, logNumber: 1, mark: addressOf(6), folded };
    expect((await store.marks(0)).get('live')).toEqual(mark);
    expect((await store.flushedMarks()).get(0)).toEqual(mark);
    const next = { offset: 6, digest: 'f0'.repeat(16) };
    const behind = batchOf({ from: addressOf(6), to: addressOf(6, 3) });
    await store.apply({ ...behind, folded: next });
    expect((await store.marks(0)).get('live')).toMatchObject({ folded: next });
    // What is outrun tells nothing.
    await store.apply({ ...behind, folded });
    expect((await store.marks(0)).get('live')).toMatchObject({ folded: next });
  });

  it('opens one mark when several ask at once', async () => {
    const { store } = subject();
    await Promise.all(Array.from({ length: 4 }, () => store.openMark(keyOf())));
    expect(await store.apply(batchOf({ to: addressOf(1) }))).toEqual(APPLIED);
    expect(await store.apply(batchOf({ to: addressOf(1) }))).toEqual(OUTRUN);
  });

  it('keeps marks of sources and partitions apart, for other handles, too', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    await store.openMark(keyOf({ source: 'job-1' }));
    await store.openMark(keyOf({ partition: 1 }));
    await store.apply(batchOf({ to: addressOf(9), key: { source: 'job-1' } }));
    const other = harness.open();
    const marks = await other.marks(0);
    expect(marks.get('live')?.mark).toEqual(ADDRESS_ZERO);
    expect(marks.get('job-1')?.mark).toEqual(addressOf(9));
    expect(await markOf(other, 1)).toEqual(ADDRESS_ZERO);
    await other.close();
  });

  it('is outrun by a mark that moved on, and then does nothing', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    expect(await store.apply(batchOf({ to: addressOf(3) }, sample(1)))).toEqual(APPLIED);
    expect(await store.apply(batchOf({ to: addressOf(4) }, sample(2)))).toEqual(OUTRUN);
    const ahead = batchOf({ from: addressOf(3, 1), to: addressOf(4) }, sample(3));
    expect(await store.apply(ahead)).toEqual(OUTRUN);
    expect(await markOf(store)).toEqual(addressOf(3));
    expect((await harness.contents()).samples).toHaveLength(1);
  });

  it('is outrun without a mark', async () => {
    expect(await subject().store.apply(batchOf({ to: addressOf(3) }, sample(1)))).toEqual(OUTRUN);
  });

  it('lets one of two writers of the same range through', async () => {
    const { harness, store } = subject();
    const other = harness.open();
    await store.openMark(keyOf());
    const results = await Promise.all([
      store.apply(batchOf({ to: addressOf(3) }, sample(1))),
      other.apply(batchOf({ to: addressOf(3) }, sample(1))),
    ]);
    expect(results.map(({ outcome }) => outcome).toSorted()).toEqual(['applied', 'outrun']);
    expect((await harness.contents()).samples).toHaveLength(1);
    await other.close();
  });

  it('applies partitions at the same time that bring the same series and metadata', async () => {
    const { harness, store } = subject();
    const names = Array.from({ length: 50 }, (_, i) => `metric_${i}`);
    const partitions = [0, 1, 2, 3];
    for (const partition of partitions) await store.openMark(keyOf({ partition }));
    const results = await Promise.all(
      partitions.map((partition) => {
        const mine = partition % 2 === 0 ? names : names.toReversed();
        const definitions = mine.map((metric) => definitionOf(metric));
        const metadata = mine.map((metric) => ({
          tenant: TENANT,
          metric,
          type: 'gauge',
          help: `${partition}`,
          unit: '',
        }));
        const batch = { to: addressOf(1), key: { partition } };
        return store.apply(batchOf(batch, { definitions, metadata }));
      }),
    );
    expect(results).toEqual(partitions.map(() => APPLIED));
    expect((await harness.contents()).definitions).toHaveLength(50);
  });

  it('tells the flushed marks of all partitions', async () => {
    const { store } = subject();
    await store.openMark(keyOf());
    await store.openMark(keyOf({ partition: 2 }));
    await store.apply(batchOf({ to: addressOf(8, 1), key: { partition: 2 } }, sample(1)));
    const mark = { logId: LOG_ID, logNumber: 1 };
    expect(await store.flushedMarks()).toEqual(
      new Map([
        [0, { ...mark, mark: ADDRESS_ZERO }],
        [2, { ...mark, mark: addressOf(8, 1) }],
      ]),
    );
  });

  it('refuses another log until it is accepted, and then closes the mark before it', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    await store.apply(batchOf({ to: addressOf(8) }, sample(1)));
    const next = keyOf({ logId: OTHER_LOG_ID, logNumber: 2 });
    await expect(store.openMark(next)).rejects.toMatchObject({
      code: 'STORE_OTHER_LOG',
      kind: 'permanent',
      message: expect.stringMatching(new RegExp(`${LOG_ID}.*${OTHER_LOG_ID}`)),
      remedy: expect.stringContaining('millrace setup --accept-new-log'),
    });
    await store.acceptLog(next);
    await store.acceptLog(next);
    await store.openMark(next);
    expect((await store.marks(0)).get('live')).toEqual({
      logId: OTHER_LOG_ID,
      logNumber: 2,
      mark: ADDRESS_ZERO,
    });
    expect(await store.apply(batchOf({ from: addressOf(8), to: addressOf(9) }))).toEqual(OUTRUN);
    expect(await store.apply(batchOf({ to: addressOf(1), key: next }, sample(2)))).toEqual(APPLIED);
    expect((await harness.contents()).samples).toHaveLength(2);
  });
}
