import { findRestorePoint, type PassedOver } from '@millrace/checkpoint';
import { MillraceError } from '@millrace/runtime';
import { newCommit, type CommitRef, type CommittedState, type StateStore } from '@millrace/state';
import type { Stream } from '@millrace/stream';
import { markAgainBelow } from './fold/again-below.ts';
import {
  HEADER_KEY,
  loadPages,
  type FoldTables,
  type PartitionHead,
} from './fold/partition-state.ts';
import { STATE_VERSIONS_READ } from './fold/saved-header.ts';

/** What there is in place of a state from which the partition could be folded on. */
export type LostState =
  | Readonly<{ kind: 'none' }>
  /** It can be read so far that its log and position are known. */
  | Readonly<{ kind: 'unusable'; committed: CommittedState }>
  | Readonly<{ kind: 'corrupt' }>;

/** What a checkpoint brought back, and which. */
export interface Restored {
  head: PartitionHead;
  tables: FoldTables | undefined;
  committed: CommitRef;
  checkpoint: RestoredCheckpoint;
}

export interface RestoredCheckpoint {
  offset: number;
  position: number;
  pagesBytes: number;
  madeAtUs: number;
}

export interface RestoreParts {
  stream: Stream;
  state: StateStore;
  partition: number;
  signal: AbortSignal;
  onPassedOver: (passedOver: PassedOver) => void;
  /** Left out: the newest that leads into the log. */
  positionMax?: number;
  /** Marks what takes its place: all below this is to be put out again. */
  againBelow?: number | undefined;
  /**
   * What there is by the time when something is to take its place, under an owner that goes on
   * committing. Left out: what there was.
   */
  lookAgain?: (() => Promise<LostState>) | undefined;
  /** Told when a state that was corrupt is gone, whatever becomes of what takes its place. */
  onDiscarded?: (() => void) | undefined;
}

/**
 * Puts the newest checkpoint in the place of a state that is lost, in one commit, so that there
 * is never a mixture of both. Undefined, and nothing is changed, when there is none that leads
 * into the log.
 *
 * @throws MillraceError TRANSFORMER_OUTRUN (outrun) when somebody else has a state there meanwhile.
 */
export async function restoreState(
  parts: RestoreParts,
  lost: LostState,
): Promise<Restored | undefined> {
  const { state, partition, againBelow } = parts;
  const found = await findRestorePoint(parts, {
    stateVersionsRead: STATE_VERSIONS_READ,
    logId: logIdOf(lost),
    positionMax: parts.positionMax,
    load: loadPages,
    onPassedOver: parts.onPassedOver,
  });
  if (found === undefined) return undefined;
  const { manifest, offset, pages } = found;
  const now = (await parts.lookAgain?.()) ?? lost;
  if (logIdOf(now) !== logIdOf(lost)) throw outrun(partition);
  const committed = now.kind === 'unusable' ? now.committed : undefined;
  if (now.kind === 'corrupt') await discardCorrupt(parts);
  const changed = new Map<string, Uint8Array | undefined>(pages);
  for (const key of committed?.pages.keys() ?? []) {
    if (!pages.has(key)) changed.set(key, undefined);
  }
  if (againBelow !== undefined) changed.set(HEADER_KEY, markAgainBelow(pages, againBelow));
  const { logId, position, pagesBytes, madeAtUs } = manifest;
  const next = newCommit({ logId, position });
  const commit = { partition, expected: committed, next, pages: changed };
  const outcome = await state.commit(commit);
  if (outcome === 'outrun') throw outrun(partition);
  return {
    ...found.loaded,
    committed: next,
    checkpoint: { offset, position, pagesBytes, madeAtUs },
  };
}

/** Makes room for what is to take its place. @throws MillraceError TRANSFORMER_OUTRUN (outrun) */
export async function discardCorrupt(
  parts: Pick<RestoreParts, 'state' | 'partition' | 'onDiscarded'>,
): Promise<void> {
  const { state, partition, onDiscarded } = parts;
  if (!(await state.discardCorrupt(partition))) throw outrun(partition);
  onDiscarded?.();
}

function logIdOf(lost: LostState): string | undefined {
  return lost.kind === 'unusable' ? lost.committed.logId : undefined;
}

export function outrun(partition: number): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_OUTRUN',
    kind: 'outrun',
    message: `Somebody else made a state of partition ${partition} meanwhile; it is loaded.`,
  });
}
