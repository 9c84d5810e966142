import { errorKind, errorText } from '@millrace/runtime';
import type { CheckpointManifest } from '@millrace/wire';
import { newestFirst } from './newest-first.ts';
import { readCheckpoint, type PlacedManifest } from './read-checkpoint.ts';
import type { CheckpointPlace } from './read-range.ts';
import { whyUnusable } from './usable-checkpoint.ts';

/** A checkpoint from which the partition can be folded on. */
export interface RestorePoint<T> extends PlacedManifest {
  pages: Map<string, Uint8Array>;
  loaded: T;
}

/** A checkpoint that was passed over: it is damaged, or the log does not reach back to it. */
export interface PassedOver extends PlacedManifest {
  isDamaged: boolean;
  why: string;
}

/**
 * The newest complete checkpoint whose log is there and holds all that follows it; undefined when
 * there is none. Reads only what it needs.
 */
export async function findRestorePoint<T>(
  place: CheckpointPlace,
  params: Readonly<{
    stateVersionsRead: readonly number[];
    /** That it must be of, as far as it is known. */
    logId?: string | undefined;
    /** That it must not be above; left out: the newest there is. */
    positionMax?: number | undefined;
    /** Reads the pages; one of which it throws a permanent error is passed over. */
    load: (pages: ReadonlyMap<string, Uint8Array>) => T;
    onPassedOver: (passedOver: PassedOver) => void;
  }>,
): Promise<RestorePoint<T> | undefined> {
  const { onPassedOver } = params;
  for await (const placed of newestFirst(place)) {
    const { manifest } = placed;
    const why =
      whyUnwanted(manifest, params) ??
      (await whyUnusable(place, manifest, params.stateVersionsRead));
    if (why !== undefined) {
      onPassedOver({ ...placed, isDamaged: false, why });
      continue;
    }
    try {
      const pages = await readCheckpoint(place, placed);
      return { ...placed, pages, loaded: params.load(pages) };
    } catch (error) {
      if (errorKind(error) !== 'permanent') throw error;
      onPassedOver({ ...placed, isDamaged: true, why: errorText(error) });
    }
  }
  return undefined;
}

function whyUnwanted(
  manifest: CheckpointManifest,
  {
    logId,
    positionMax = Infinity,
  }: Readonly<{ logId?: string | undefined; positionMax?: number | undefined }>,
): string | undefined {
  if (logId !== undefined && manifest.logId !== logId) {
    return `it is of log ${manifest.logId}, and the state of log ${logId}`;
  }
  if (manifest.position <= positionMax) return undefined;
  return `it is at ${manifest.position}, above ${positionMax}`;
}
