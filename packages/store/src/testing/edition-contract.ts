import type { Entries } from '@millrace/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EditionStore } from '../edition-store.ts';
import type { Store } from '../store.ts';
import { describeDrop } from './drop-contract.ts';
import { describeDiff } from './diff-contract.ts';
import {
  at,
  beginCandidate,
  editionOf,
  HOUR_US,
  MINUTE_US,
  openScene,
  PARTITIONS,
  servedOf,
  windowOf,
  type EditionSubject,
} from './edition-scene.ts';
import type { StoreHarness } from './store-contents.ts';
import { addressOf, batchOf, keyOf, LOG_ID, OTHER_LOG_ID } from './entries.ts';

export interface EditionHarness {
  open: StoreHarness['open'];
  openEditions(): EditionStore;
  /** What a store's upkeep does from time to time. */
  upkeep(store: Store): Promise<void>;
  dispose(): Promise<void>;
}

/** What every adapter of the port for a person's changes must do. */
export function describeEditionStore(name: string, create: () => Promise<EditionHarness>): void {
  describe(`${name}: editions that a person decides on`, () => {
    let harness: EditionHarness;
    let subject: EditionSubject;

    beforeEach(async () => {
      harness = await create();
      const store = harness.open();
      const [editions, scene] = [harness.openEditions(), await openScene(store)];
      subject = { store, editions, scene, upkeep: () => harness.upkeep(store) };
    });
    afterEach(async () => {
      await subject.editions.close();
      await subject.store.close();
      await harness.dispose();
    });
    describePromotion(() => subject);
    describeRefusals(() => subject);
    describeRollBack(() => subject);
    describeDiff(() => subject);
    describeDrop(() => subject);
  });
}

const FROM_US = -2 * HOUR_US;

function describePromotion(subject: () => EditionSubject): void {
  it('shows nothing of a candidate, and tells how far its jobs are', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.put(1, { finals: [windowOf(41, -HOUR_US)] }, 'job-40');
    await scene.endJobs(40, { 41: [FROM_US] }, [0]);
    const list = await editions.list({ withSizes: true });
    expect(list.editions.map((one) => one.edition)).toEqual([7, 8, 41]);
    expect(list.editions.at(-1)).toMatchObject({
      ...{ rule: 'r', candidate: 40, isDropped: false, served: [], begun: 2, partitions: 2 },
      ...{ ended: 0, widthsUs: [5 * MINUTE_US], aggregates: ['sum'], definition: '{}' },
      // As long as a job is under way, only what live folding has is whole.
      whole: [{ widthUs: 5 * MINUTE_US, fromUs: at(1) }],
      size: { rows: 1, series: 1 },
    });
    expect(list.editions.at(-1)!.size!.bytes).toBeGreaterThan(50);
    expect(list.jobs.get(40)).toMatchObject([
      { partition: 0, hasEnded: true, position: 100, endPosition: 100 },
      { partition: 1, hasEnded: false, position: 1, endPosition: 100 },
    ]);
    await scene.endJobs(40, { 41: [FROM_US] }, [1]);
    const after = await editions.list();
    expect(after.editions.at(-1)!.whole[0]!.fromUs).toBe(at(FROM_US));
    expect(after.editions.at(-1)!.size).toBeUndefined();
    expect(await servedOf(subject(), 'r')).toEqual([[7, -Infinity, Infinity]]);
  });

  it('counts no job of a later log than the one that the candidate began in', async () => {
    await beginCandidate(subject());
    const { store, editions, scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] }, [0]);
    const other = { partition: 1, logId: OTHER_LOG_ID, logNumber: 2 };
    await store.acceptLog(keyOf(other));
    const put = async (source: string, entries: Partial<Entries>): Promise<void> => {
      const key = { ...other, source };
      await store.openMark(keyOf(key));
      const range = { from: addressOf(0), to: addressOf(1), key };
      expect(await store.apply(batchOf(range, entries))).toMatchObject({ outcome: 'applied' });
    };
    await put('live', { editions: [editionOf(41, 'r', { candidate: 40, fromUs: HOUR_US })] });
    const jobEnd = { candidate: 40, position: 100, partitions: PARTITIONS };
    const past = { edition: 41, fromUs: [at(FROM_US)] };
    await put('job-40', { jobEnds: [{ ...jobEnd, editions: [past] }] });
    const { editions: list, jobs } = await editions.list();
    expect(list.at(-1)!.whole[0]!.fromUs).toBeGreaterThan(at(0));
    expect(jobs.get(40)).toMatchObject([
      { partition: 0, logId: LOG_ID, hasEnded: true },
      { partition: 1, logId: LOG_ID, hasEnded: false },
    ]);
  });

  it('shows a candidate from the earliest time on, and ends rules that it lacks', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US + 1] });
    const shown = [
      { rule: 'r', edition: 41, fromUs: at(FROM_US + 5 * MINUTE_US) },
      { rule: 'old', edition: undefined, fromUs: at(FROM_US + 5 * MINUTE_US) },
    ];
    const promotion = { editions: [41], fromUs: undefined };
    expect(await editions.rehearse(promotion)).toEqual(shown);
    expect((await editions.list()).promotions).toEqual([]);
    expect(await editions.promote({ ...promotion, version: 50 })).toEqual(shown);
    const fromUs = FROM_US + 5 * MINUTE_US;
    expect(await servedOf(subject(), 'r')).toEqual([
      [7, -Infinity, fromUs],
      [41, fromUs, Infinity],
    ]);
    expect(await servedOf(subject(), 'old')).toEqual([[8, -Infinity, fromUs]]);
    const byRule = shown.toSorted((a, b) => (a.rule < b.rule ? -1 : 1));
    expect((await editions.list()).promotions).toMatchObject([{ version: 50, rules: byRule }]);
    // Repeated, as after an answer that was lost: whatever time is asked for now.
    const again = { version: 50, editions: [41], fromUs: at(0) };
    expect(await editions.promote(again)).toEqual(byRule);
  });

  it('aligns the time outward to whole windows of every width, old and new', async () => {
    const { editions, scene } = subject();
    const widthsUs = [MINUTE_US, 15 * MINUTE_US];
    await scene.begin(editionOf(7, 'r', { widthsUs: [10 * MINUTE_US] }), editionOf(8, 's'));
    const [r, s] = [editionOf(41, 'r', { widthsUs }), editionOf(42, 's')];
    await scene.begin({ ...r, candidate: 40 }, { ...s, candidate: 40 });
    await scene.endJobs(40, { 41: [-70 * MINUTE_US, -75 * MINUTE_US], 42: [-70 * MINUTE_US] });
    const promotion = { version: 50, editions: [41, 42], fromUs: at(-41 * MINUTE_US) };
    expect(await editions.promote(promotion)).toEqual([
      { rule: 'r', edition: 41, fromUs: at(-60 * MINUTE_US) },
      { rule: 's', edition: 42, fromUs: at(-45 * MINUTE_US) },
    ]);
  });

  it('goes on with what is applied after it, and can be replaced again', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] });
    await editions.promote({ version: 50, editions: [41], fromUs: undefined });
    const untilUs = 2 * HOUR_US;
    for (const partition of [0, 1]) {
      const editionEnds = [{ edition: 41, position: 300, untilUs: at(untilUs) }];
      await scene.put(partition, {
        editionEnds,
        editions: [editionOf(60, 'r', { fromUs: HOUR_US })],
      });
    }
    const applied = [
      [7, -Infinity, FROM_US],
      [41, FROM_US, HOUR_US + 5 * MINUTE_US],
      [60, HOUR_US + 5 * MINUTE_US, Infinity],
    ];
    expect(await servedOf(subject(), 'r')).toEqual(applied);
    await scene.begin(editionOf(71, 'r', { candidate: 70, fromUs: 2 * HOUR_US }));
    await scene.endJobs(70, { 71: [-HOUR_US] });
    await editions.promote({ version: 80, editions: [71], fromUs: undefined });
    expect(await servedOf(subject(), 'r')).toEqual([
      [7, -Infinity, FROM_US],
      [41, FROM_US, -HOUR_US],
      [71, -HOUR_US, Infinity],
    ]);
    await editions.rollBack({ version: 80 });
    expect(await servedOf(subject(), 'r')).toEqual(applied);
  });

  it('need not wait for jobs where live folding has it all', async () => {
    await beginCandidate(subject());
    const { editions, store, scene } = subject();
    await scene.put(0, {}, 'job-40');
    const promotion = { version: 50, editions: [41], fromUs: at(5 * MINUTE_US) };
    expect(await editions.promote(promotion)).toMatchObject([{ fromUs: at(5 * MINUTE_US) }, {}]);
    // Nobody goes on with the jobs of what is promoted.
    expect((await store.marks(0)).get('job-40')).toMatchObject({ isClosed: true });
  });
}

function describeRefusals(subject: () => EditionSubject): void {
  const promote = (more: { fromUs?: number; version?: number; editions?: number[] } = {}) =>
    subject().editions.promote({ version: 50, editions: [41], fromUs: undefined, ...more });

  it('refuses what the store does not know from all partitions', async () => {
    const { scene, editions } = subject();
    await scene.begin(editionOf(7, 'r'));
    const unknown = { code: 'EDITION_UNKNOWN', kind: 'transient' };
    await expect(promote()).rejects.toMatchObject(unknown);
    await scene.put(0, { editions: [editionOf(41, 'r', { candidate: 40 })] });
    await scene.endJobs(40, { 41: [FROM_US] });
    await expect(promote()).rejects.toMatchObject(unknown);
    await expect(
      editions.rehearse({ editions: [41, 99], fromUs: undefined }),
    ).rejects.toMatchObject({
      ...unknown,
      message: expect.stringContaining('editions 41, 99'),
    });
  });

  it('refuses while jobs are under way, and tells how far they are', async () => {
    await beginCandidate(subject());
    const { scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] }, [0]);
    await scene.put(1, {}, 'job-40');
    const refusal = {
      ...{ code: 'JOBS_NOT_ENDED', kind: 'transient' },
      message: expect.stringContaining('1 of 2 partitions: partition 1 is at 1 of 100'),
      remedy: expect.stringContaining('reprocess status 40'),
    };
    await expect(promote()).rejects.toMatchObject(refusal);
    await expect(promote({ fromUs: at(0) })).rejects.toMatchObject(refusal);
    expect(await servedOf(subject(), 'r')).toEqual([[7, -Infinity, Infinity]]);
  });

  it('tells from when on it works, where an early promotion has ended the jobs', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] }, [0]);
    await scene.put(1, {}, 'job-40');
    await promote({ fromUs: at(20 * MINUTE_US) });
    await editions.rollBack({ version: 50 });
    const jobs = (await editions.list()).jobs.get(40);
    expect(jobs).toMatchObject([
      { hasEnded: true, isClosed: true },
      { hasEnded: false, isClosed: true },
    ]);
    const refusal = {
      ...{ code: 'JOBS_CLOSED', kind: 'permanent' },
      remedy: expect.stringContaining('--since 2026-03-01T12:05:00Z'),
    };
    await expect(promote({ version: 51 })).rejects.toMatchObject(refusal);
    await expect(promote({ version: 51, fromUs: at(0) })).rejects.toMatchObject(refusal);
    const fromUs = at(5 * MINUTE_US);
    expect(await promote({ version: 51, fromUs })).toMatchObject([{ edition: 41, fromUs }, {}]);
  });

  it('refuses a time before what jobs cover, and tells the earliest that works', async () => {
    await beginCandidate(subject());
    const { scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US + 1] });
    await expect(promote({ fromUs: at(FROM_US) })).rejects.toMatchObject({
      ...{ code: 'EDITION_NOT_COVERED', kind: 'permanent' },
      remedy: expect.stringContaining('2026-03-01T10:05:00Z'),
    });
    const fromUs = at(FROM_US + 9 * MINUTE_US);
    expect(await promote({ fromUs })).toMatchObject([{ fromUs: at(FROM_US + 5 * MINUTE_US) }, {}]);
  });

  it('refuses what rules that were applied later leave nothing of', async () => {
    await beginCandidate(subject());
    const { scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] });
    await scene.begin(editionOf(60, 'r', { fromUs: HOUR_US }));
    const late = at(2 * HOUR_US);
    await expect(promote({ fromUs: late })).rejects.toMatchObject({
      ...{ code: 'EDITION_OVERTAKEN', kind: 'permanent' },
      message: expect.stringContaining('as 60'),
    });
    expect(await servedOf(subject(), 'r')).toHaveLength(2);
    // What was decided before is completed: up to where the later rules begin.
    await promote();
    expect(await servedOf(subject(), 'r')).toEqual([
      [7, -Infinity, FROM_US],
      [41, FROM_US, HOUR_US + 5 * MINUTE_US],
      [60, HOUR_US + 5 * MINUTE_US, Infinity],
    ]);
  });
}

function describeRollBack(subject: () => EditionSubject): void {
  it('rolls back to what was served before, and once', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] });
    const before = await editions.list();
    const shown = await editions.promote({ version: 50, editions: [41], fromUs: undefined });
    expect(await editions.rollBack({ version: 50 })).toEqual(
      shown.toSorted((a, b) => (a.rule < b.rule ? -1 : 1)),
    );
    expect(await editions.list()).toEqual(before);
    expect(await editions.rollBack({ version: 50 })).toEqual([]);
    expect(await editions.promote({ version: 52, editions: [41], fromUs: undefined })).toEqual(
      shown,
    );
  });

  it('refuses to roll back what other rules came after', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] });
    await editions.promote({ version: 50, editions: [41], fromUs: undefined });
    await scene.begin(editionOf(60, 'r', { fromUs: HOUR_US }));
    await expect(editions.rollBack({ version: 50 })).rejects.toMatchObject({
      ...{ code: 'EDITION_OVERTAKEN', kind: 'permanent' },
      message: expect.stringContaining('as 60'),
    });
    expect((await editions.list()).promotions).toHaveLength(1);
  });
}
