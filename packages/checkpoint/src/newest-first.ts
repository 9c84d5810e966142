import { TOPIC_CHECKPOINTS } from '@millrace/stream';
import { CheckpointRecordKind } from '@millrace/wire';
import type { PlacedManifest } from './read-checkpoint.ts';
import { readRange, type CheckpointPlace } from './read-range.ts';

/** Records looked at in one go: usually the very last one is a manifest. */
const BLOCK_MIN = 1;
const BLOCK_MAX = 64;

/**
 * The manifests that a partition holds, newest first, without reading more than it takes to find
 * them. Whether what they promise is there is for `readCheckpoint` to say.
 */
export async function* newestFirst(place: CheckpointPlace): AsyncGenerator<PlacedManifest> {
  const { stream, partition } = place;
  const { start, end } = await stream.bounds(TOPIC_CHECKPOINTS, partition);
  let block = BLOCK_MIN;
  for (let to = end; to > start;) {
    const from = Math.max(start, to - block);
    const found: PlacedManifest[] = [];
    await readRange(place, { from, to }, ({ offset, record }) => {
      if (record?.kind !== CheckpointRecordKind.manifest) return;
      const { kind: _, ...manifest } = record;
      found.push({ offset, manifest });
    });
    yield* found.toReversed();
    to = from;
    block = Math.min(BLOCK_MAX, block * 2);
  }
}
