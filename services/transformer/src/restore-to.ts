import type { PassedOver } from '@millrace/checkpoint';
import { MillraceError } from '@millrace/runtime';
import { isCorruptState, type StateStore } from '@millrace/state';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { beginAnew } from './begin-anew.ts';
import { restoreState, type LostState } from './restore-state.ts';

/** What a state goes on from now. */
export type RestoredTo = Readonly<{ position: number }> &
  /** It was not above the position, a checkpoint took its place, or it begins anew. */
  (Readonly<{ from: 'state' }> | Readonly<{ from: 'checkpoint' }> | Readonly<{ from: 'log' }>);

interface RestoreToParts {
  stream: Stream;
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
 * @throws MillraceError TRANSFORMER_NO_WAY_BACK when neither checkpoints nor the log reach back.
 */
export async function restoreTo(parts: RestoreToParts, positionMax: number): Promise<RestoredTo> {
  const { stream, partition } = parts;
  const lost = await lostState(parts);
  if (lost.kind === 'unusable' && lost.committed.position <= positionMax) {
    return { position: lost.committed.position, from: 'state' };
  }
  const restored = await restoreState({ ...parts, positionMax }, lost);
  if (restored !== undefined) return { position: restored.head.position, from: 'checkpoint' };
  if ((await beginAnew(parts, lost)) !== undefined) return { position: 0, from: 'log' };
  const { start } = await stream.bounds(TOPIC_EVENTS, partition);
  throw noWayBack(partition, positionMax, start);
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
      'Look at "millrace checkpoint list"; put missing records back from a backup, or choose a ' +
      'larger position.',
  });
}
