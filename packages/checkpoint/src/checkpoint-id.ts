import { createHash } from 'node:crypto';
import type { CheckpointManifest } from '@millrace/wire';

const ID_DIGITS = 32;

/**
 * The id that a checkpoint of this content has. It covers the whole manifest, so that one whose
 * fields were changed belongs to no chunks; and since it says when the checkpoint was made, the
 * chunks of an attempt that broke off are not those of the next one.
 */
export function checkpointIdOf(
  manifest: Omit<CheckpointManifest, 'checkpointId' | 'firstChunkOffset'>,
): string {
  const fields = [
    manifest.logId,
    manifest.logNumber,
    manifest.position,
    manifest.lastDigest,
    manifest.partitionTimeUs,
    manifest.stateVersion,
    manifest.foldVersion,
    manifest.pageCount,
    manifest.chunkCount,
    manifest.pagesBytes,
    manifest.pagesDigest,
    manifest.madeAtUs,
  ];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex').slice(0, ID_DIGITS);
}
