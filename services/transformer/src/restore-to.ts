import type { PassedOver } from '@millrace/checkpoint';
import { MillraceError } from '@millrace/runtime';
import { isCorruptState, type StateStore } from '@millrace/state';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { beginAnew } from './begin-anew.ts';
import { restoreState, type LostState } from './restore-state.ts';

/** What a state goes on from now. */
export type RestoredTo = Readonly<{ position: number }> &
  /** It was not above the position, a checkpoint took its place, or it begins anew. */
  (Readonly<{ from: 'state' }> | Readonly<{ from: 'checkpoint' }> | Readonly<{ from: 'log' }>) &
  /** What follows is not in the log any more: its owner needs the archive. */
  Readonly<{ isArchived?: true }>;

interface RestoreToParts {
  stream: Stream;
  /** The same log with its archive in front; left out: there is none. */
  archived?: Stream | undefined;
  state: StateStore;
  partition: number;
  signal: AbortSignal;
  onPassedOver: (passedOver: PassedOver) => void;
}

/**
 * Puts a partition's state back to one that is not above `positionMax`, so that everything behind
 * that is put out once more: for results that were lost. May be done under a running owner, which
 * is outrun and loads it.
 *
 * @throws MillraceError TRANSFORMER_NO_WAY_BACK when neither checkpoints nor log nor archive
 *   reach back.
 */
export async function restoreTo(parts: RestoreToParts, positionMax: number): Promise<RestoredTo> {
  const { stream, archived, partition } = parts;
  const lost = await lostState(parts);
  if (lost.kind === 'unusable' && lost.committed.position <= positionMax) {
    return { position: lost.committed.position, from: 'state' };
  }
  const held = await restoredTo(parts, positionMax, lost);
  if (held !== undefined) return held;
  const { start } = await stream.bounds(TOPIC_EVENTS, partition);
  if (archived !== undefined && start > 0) {
    const found = await restoredTo({ ...parts, stream: archived }, positionMax, lost);
    if (found !== undefined) return { ...found, isArchived: true };
  }
  throw noWayBack(partition, positionMax, start);
}

async function restoredTo(
  parts: RestoreToParts,
  positionMax: number,
  lost: LostState,
): Promise<RestoredTo | undefined> {
  const restored = await restoreState({ ...parts, positionMax }, lost);
  if (restored !== undefined) return { position: restored.head.position, from: 'checkpoint' };
  return (await beginAnew(parts, lost)) && { position: 0, from: 'log' };
}

async function lostState({ state, partition }: RestoreToParts): Promise<LostState> {
  try {
    const committed = await state.load(partition);
    return committed === undefined ? { kind: 'none' } : { kind: 'unusable', committed };
  } catch (error) {
    if (!isCorruptState(error)) throw error;
    return { kind: 'corrupt' };
  }
}

function noWayBack(partition: number, positionMax: number, start: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_NO_WAY_BACK',
    kind: 'permanent',
    message:
      `There is no state of partition ${partition} at or below position ${positionMax}: no ` +
      `checkpoint is, and metrics.events begins at ${start}. Nothing was changed.`,
    remedy:
      'Look at "millrace checkpoint list"; put missing records back from a backup, set ' +
      'MILLRACE_ARCHIVE__URL when an archive has them, or choose a larger position.',
  });
}
