import type { PassedOver } from '@millrace/checkpoint';
import { errorKind, MillraceError } from '@millrace/runtime';
import { isCorruptState, type CommittedState, type StateStore } from '@millrace/state';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { beginAnew } from './begin-anew.ts';
import { markAgainBelow } from './fold/again-below.ts';
import { HEADER_KEY, loadPages } from './fold/partition-state.ts';
import { outrun, restoreState, type LostState } from './restore-state.ts';

/**
 * A look at a large state and the commit that takes its place take seconds. But so does each commit
 * of its owner, who then leaves twenty times as long between two of them.
 */
const ATTEMPTS_MAX = 10;

const NOTHING_CHANGED = 'Nothing was changed.';
const DISCARDED =
  'A state of it that was corrupt was discarded, and the owner has made another one since; ' +
  'nothing else was changed.';

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

type AttemptParts = RestoreToParts & {
  onDiscarded: () => void;
  /** By this attempt and those before. */
  whatChanged: () => string;
};

/**
 * Puts a partition's state back to one that is not above `positionMax`, so that everything behind
 * that is put out once more: for results that were lost. May be done under a running owner, which
 * is outrun and loads it.
 *
 * @throws MillraceError TRANSFORMER_NO_WAY_BACK when neither checkpoints nor log nor archive
 *   reach back.
 */
export async function restoreTo(parts: RestoreToParts, positionMax: number): Promise<RestoredTo> {
  const told = new Set<number>();
  const onPassedOver = (passedOver: PassedOver): void => {
    if (told.has(passedOver.offset)) return;
    told.add(passedOver.offset);
    parts.onPassedOver(passedOver);
  };
  let changed = NOTHING_CHANGED;
  const onDiscarded = (): void => {
    changed = DISCARDED;
  };
  const whatChanged = (): string => changed;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryToRestore({ ...parts, onPassedOver, onDiscarded, whatChanged }, positionMax);
    } catch (error) {
      // Its owner committed in between, and is about to be outrun itself.
      if (errorKind(error) !== 'outrun') throw error;
      if (attempt === ATTEMPTS_MAX) throw alwaysOutrun(parts.partition, changed, error);
    }
  }
}

async function tryToRestore(parts: AttemptParts, positionMax: number): Promise<RestoredTo> {
  const { stream, archived, partition } = parts;
  const lost = await lostState(parts);
  const known = lost.kind === 'unusable' ? lost.committed : undefined;
  const isBelow = known !== undefined && known.position <= positionMax;
  const { start } = await stream.bounds(TOPIC_EVENTS, partition);
  if (isBelow && known.position >= start) return { position: known.position, from: 'state' };
  const held = await restoredTo(parts, positionMax, lost);
  if (held !== undefined) return held;
  if (archived !== undefined && start > 0) {
    // Checkpoints that the log still has lie above: the owner must not take one of those instead.
    const marking = { ...parts, stream: archived, againBelow: start };
    const found =
      isBelow &&
      isSound(known) &&
      known.position >= (await archived.bounds(TOPIC_EVENTS, partition)).start
        ? await markState(marking, known)
        : await restoredTo(marking, positionMax, lost);
    if (found !== undefined) return { ...found, isArchived: true };
  }
  throw noWayBack({ partition, positionMax, start, changed: parts.whatChanged() });
}

function isSound({ pages }: CommittedState): boolean {
  try {
    loadPages(pages);
    return true;
  } catch (error) {
    // Of no use, and told as such by the owner: a checkpoint takes its place.
    if (errorKind(error) === 'permanent') return false;
    throw error;
  }
}

/** It is below already, and the archive leads on from there. */
async function markState(
  { state, partition, againBelow }: RestoreToParts & { againBelow: number },
  committed: CommittedState,
): Promise<RestoredTo> {
  const { logId, position, pages } = committed;
  const outcome = await state.commit({
    partition,
    expected: committed,
    next: { logId, position },
    pages: new Map([[HEADER_KEY, markAgainBelow(pages, againBelow)]]),
  });
  if (outcome === 'outrun') throw outrun(partition);
  return { position, from: 'state' };
}

async function restoredTo(
  parts: AttemptParts & { againBelow?: number },
  positionMax: number,
  lost: LostState,
): Promise<RestoredTo | undefined> {
  // Finding a place to go on from takes longer than its owner takes from one commit to the next.
  const finding = { ...parts, lookAgain: () => lostState(parts) };
  const restored = await restoreState({ ...finding, positionMax }, lost);
  if (restored !== undefined) return { position: restored.head.position, from: 'checkpoint' };
  return (await beginAnew(finding, lost)) && { position: 0, from: 'log' };
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

function alwaysOutrun(partition: number, changed: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_OUTRUN',
    kind: 'outrun',
    message:
      `Each of ${ATTEMPTS_MAX} times the owner of partition ${partition} committed just before ` +
      `its state was to be put back. ${changed}`,
    remedy: 'Run it again, or stop the transformers before.',
    cause,
  });
}

function noWayBack({
  partition,
  positionMax,
  start,
  changed,
}: Readonly<{
  partition: number;
  positionMax: number;
  start: number;
  changed: string;
}>): MillraceError {
  return new MillraceError({
    code: 'TRANSFORMER_NO_WAY_BACK',
    kind: 'permanent',
    message:
      `There is no state of partition ${partition} at or below position ${positionMax}: no ` +
      `checkpoint is, and metrics.events begins at ${start}. ${changed}`,
    remedy:
      'Look at "millrace checkpoint list"; put missing records back from a backup, set ' +
      'MILLRACE_ARCHIVE__URL when an archive has them, or choose a larger position.',
  });
}
