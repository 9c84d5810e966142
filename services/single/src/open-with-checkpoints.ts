import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, type Log } from '@millrace/runtime';
import { STREAM_CODES, StreamError, TOPIC_CHECKPOINTS } from '@millrace/stream';
import {
  openSegmentStream,
  openSegmentView,
  type SegmentStream,
  type SegmentStreamParams,
} from '@millrace/stream/segment';

/** Beside the log: files of checkpoints that could not be read, the last of each partition. */
const ASIDE = 'damaged.checkpoints';

/**
 * Opens the log, for the thread that owns `metrics.checkpoints` among others. Damage at the end of
 * a partition of that topic, which keeps any other from being opened, puts its checkpoints aside
 * and begins it anew: they are copies, and must not keep what they are copies of from its work.
 */
export async function openWithCheckpoints(params: SegmentStreamParams): Promise<SegmentStream> {
  try {
    return await openSegmentStream(params);
  } catch (error) {
    if (!isCorrupt(error) || !(await putAsideDamaged(params))) throw error;
    return await openSegmentStream(params);
  }
}

/** False when no partition of the topic is to blame. */
async function putAsideDamaged(params: SegmentStreamParams): Promise<boolean> {
  const { directory, clock, log } = params;
  const view = await openSegmentView({ directory, clock });
  let hasFound = false;
  try {
    for (let partition = 0; partition < view.partitions; partition += 1) {
      try {
        await view.bounds(TOPIC_CHECKPOINTS, partition);
      } catch (error) {
        if (!isCorrupt(error)) throw error;
        await putAside(directory, partition, { log, error });
        hasFound = true;
      }
    }
  } finally {
    await view.close();
  }
  return hasFound;
}

async function putAside(
  directory: string,
  partition: number,
  { log, error }: Readonly<{ log: Log; error: unknown }>,
): Promise<void> {
  const aside = join(directory, `${ASIDE}.${partition}`);
  await rm(aside, { recursive: true, force: true });
  await rename(join(directory, TOPIC_CHECKPOINTS, String(partition)), aside);
  log.warn(
    { partition, aside, error: errorText(error) },
    'Checkpoints of a partition cannot be read and were put aside; the next one is made soon.',
  );
}

function isCorrupt(error: unknown): boolean {
  return error instanceof StreamError && error.code === STREAM_CODES.corrupt;
}
