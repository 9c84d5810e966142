import { ADDRESS_ZERO } from '@millrace/model';
import type { EditionEntry, JobEndEntry } from '@millrace/wire';
import { expect, it } from 'vitest';
import { APPLIED, OUTRUN, type Subject } from './contract-subject.ts';
import {
  addressOf,
  batchOf,
  keyOf,
  LOG_ID,
  NOON_US,
  OTHER_LOG_ID,
  pieceOf,
  SECOND_US,
} from './entries.ts';

const SOURCE = 'job-40';

/** Jobs are sources of their own, which come to an end. */
export function describeJobs(subject: Subject): void {
  const edition: EditionEntry = {
    ...{ edition: 41, rule: 'r', definition: '{}', widthsUs: [300 * SECOND_US] },
    ...{ aggregates: ['sum'], fromPosition: 9, fromPartitionTimeUs: NOON_US },
    ...{ fromLargestTimeUs: NOON_US, partitions: 1, candidate: 40 },
  };
  const jobEnd: JobEndEntry = {
    ...{ candidate: 40, position: 9, partitions: 1 },
    editions: [{ edition: 41, fromUs: [NOON_US - 3600 * SECOND_US] }],
  };
  const job = keyOf({ source: SOURCE });
  const begin = async (): Promise<void> => {
    const { store } = subject();
    await store.openMark(keyOf());
    await store.apply(batchOf({ to: addressOf(10) }, { editions: [edition] }));
  };

  it('looks for the job of a candidate as soon as that is known', async () => {
    await begin();
    const mark = { logId: LOG_ID, logNumber: 1, mark: ADDRESS_ZERO };
    expect((await subject().store.marks(0)).get(SOURCE)).toEqual(mark);
  });

  it('looks for no job of rules that were in force before they became a candidate', async () => {
    const { store } = subject();
    await store.openMark(keyOf());
    const { candidate, ...inForce } = edition;
    await store.apply(batchOf({ to: addressOf(10) }, { editions: [inForce] }));
    const again = batchOf({ from: addressOf(10), to: addressOf(11) }, { editions: [edition] });
    expect(await store.apply(again)).toEqual(APPLIED);
    expect((await store.marks(0)).has(`job-${candidate}`)).toBe(false);
  });

  it('closes the mark of a job with its last entry, once', async () => {
    await begin();
    const { store, harness } = subject();
    const finals = [pieceOf({ edition: 41 })];
    const last = batchOf({ to: addressOf(10), key: job }, { finals, jobEnds: [jobEnd] });
    expect(await store.apply(last)).toEqual(APPLIED);
    expect(await store.apply(last)).toEqual(OUTRUN);
    expect((await store.marks(0)).get(SOURCE)).toMatchObject({
      mark: addressOf(10),
      isClosed: true,
    });
    const more = batchOf({ from: addressOf(10), to: addressOf(11), key: job }, { finals });
    expect(await store.apply(more)).toEqual(OUTRUN);
    await store.openMark(job);
    expect((await store.marks(0)).get(SOURCE)).toMatchObject({ isClosed: true });
    expect((await harness.contents()).finals).toHaveLength(1);
    expect((await store.flushedMarks()).get(0)).toMatchObject({ mark: addressOf(10) });
  });

  it('takes a job that ended before the candidate was known', async () => {
    const { store } = subject();
    await store.openMark(job);
    const last = batchOf({ to: addressOf(10), key: job }, { jobEnds: [jobEnd] });
    expect(await store.apply(last)).toEqual(APPLIED);
    await begin();
    expect((await store.marks(0)).get(SOURCE)).toMatchObject({ isClosed: true });
  });

  it('lets a job go on with the log that its partition goes on with', async () => {
    await begin();
    const { store } = subject();
    const other = { logId: OTHER_LOG_ID, logNumber: 2 };
    await expect(store.openMark({ ...job, ...other })).rejects.toMatchObject({
      code: 'STORE_OTHER_LOG',
    });
    await store.acceptLog(keyOf(other));
    await store.openMark({ ...job, ...other });
    const first = batchOf({ to: addressOf(3), key: { ...job, ...other } });
    expect(await store.apply(first)).toEqual(APPLIED);
    expect(await store.apply(batchOf({ to: addressOf(3), key: job }))).toEqual(OUTRUN);
  });
}
