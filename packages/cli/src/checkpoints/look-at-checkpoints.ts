import {
  CheckpointScan,
  readCheckpoint,
  whyUnusable,
  type ScannedCheckpoint,
} from '@millrace/checkpoint';
import { errorKind, errorText } from '@millrace/runtime';
import { STREAM_CODES, StreamError, type Stream } from '@millrace/stream';
import { describeState, STATE_VERSIONS_READ } from '@millrace/transformer';

/** One checkpoint, or what is left of one, as commands show it. */
export interface ShownCheckpoint {
  partition: number;
  checkpointId: string;
  /** Of its manifest in `metrics.checkpoints`; of one without, of its first chunk. */
  offset: number;
  /** All below is undefined of one that has no manifest, except its bytes. */
  position?: number;
  /** RFC 3339. */
  made?: string;
  ageMs?: number;
  pages?: number;
  chunks?: number;
  bytes: number;
  /** Its manifest is there. */
  isComplete: boolean;
  /** What its bytes say against it. */
  damage?: string;
  /** A lost state could go on from it. */
  isUsable: boolean;
  /** Why not, when it is not. */
  why?: string;
}

export interface CheckpointsLook {
  partitions: number;
  /** By partition, the newest first. */
  checkpoints: ShownCheckpoint[];
  /** Records of the topic that cannot be read. */
  unreadable: { partition: number; offset?: number; fault: string }[];
}

/**
 * Reads every byte of the checkpoints that there are and checks it; with `decodes` the states in
 * them as well.
 */
export async function lookAtCheckpoints(
  stream: Stream,
  how: Readonly<{
    decodes: boolean;
    nowUs: number;
    onBytes: (partition: number, bytes: number) => void;
  }>,
): Promise<CheckpointsLook> {
  const look: CheckpointsLook = { partitions: stream.partitions, checkpoints: [], unreadable: [] };
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    const place = { stream, partition };
    const scan = new CheckpointScan(place);
    try {
      await scan.follow((bytes) => how.onBytes(partition, bytes));
    } catch (error) {
      if (!(error instanceof StreamError) || error.code !== STREAM_CODES.corrupt) throw error;
      // The very end of the partition: nobody can tell what there is.
      look.unreadable.push({ partition, fault: errorText(error) });
      continue;
    }
    for (const { firstOffset, bytes, checkpointId } of scan.unfinished) {
      const why = 'it has no manifest: its maker broke off, or is still at it';
      const parts = { checkpointId, offset: firstOffset, bytes };
      look.checkpoints.push({ partition, ...parts, isComplete: false, isUsable: false, why });
    }
    for (const found of scan.found.toReversed()) {
      look.checkpoints.push(await shown(place, found, how));
    }
    look.unreadable.push(...scan.unreadable.map((one) => ({ partition, ...one })));
  }
  return look;
}

async function shown(
  place: Readonly<{ stream: Stream; partition: number }>,
  found: ScannedCheckpoint,
  how: Parameters<typeof lookAtCheckpoints>[1],
): Promise<ShownCheckpoint> {
  const { manifest, offset } = found;
  const { checkpointId, position, madeAtUs, pageCount, chunkCount, pagesBytes } = manifest;
  const damage = found.fault ?? (how.decodes ? await undecodable(place, found) : undefined);
  const why = damage ?? (await whyUnusable(place, manifest, STATE_VERSIONS_READ));
  return {
    ...{ partition: place.partition, checkpointId, offset, position },
    made: new Date(madeAtUs / 1000).toISOString(),
    ageMs: Math.max(0, Math.round((how.nowUs - madeAtUs) / 1000)),
    ...{ pages: pageCount, chunks: chunkCount, bytes: pagesBytes, isComplete: true },
    ...(damage === undefined ? {} : { damage }),
    isUsable: why === undefined,
    ...(why === undefined ? {} : { why }),
  };
}

/** Reads the state as an owner would. One that a newer release wrote is not damaged. */
async function undecodable(
  place: Readonly<{ stream: Stream; partition: number }>,
  found: ScannedCheckpoint,
): Promise<string | undefined> {
  if (!STATE_VERSIONS_READ.includes(found.manifest.stateVersion)) return undefined;
  try {
    const { logId, position } = describeState(await readCheckpoint(place, found));
    const { manifest } = found;
    if (logId === manifest.logId && position === manifest.position) return undefined;
    return `the state in it is at ${position} of log ${logId}`;
  } catch (error) {
    if (errorKind(error) !== 'permanent') throw error;
    return errorText(error);
  }
}
