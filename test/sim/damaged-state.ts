import type { MemoryStateDatabase } from '@millrace/state/memory';
import type { Random } from './random.ts';

/** What a state store holds of one partition. */
export type SavedState = ReturnType<MemoryStateDatabase['partition']>;

/** A replica that lacks the newest commits has an older one: what it was when it was copied. */
export function copyState({ position, pageCount, pages }: SavedState): SavedState {
  return { position, pageCount, pages: new Map(pages) };
}

/** A server that was restarted without its data. */
export function loseState(state: SavedState): void {
  Object.assign(state, { position: undefined, pageCount: 0, pages: new Map() });
}

/** A page vanishes. False when there is none. */
export function damageState(state: SavedState, random: Random): boolean {
  const keys = [...state.pages.keys()].sort();
  if (keys.length === 0) return false;
  state.pages.delete(random.pick(keys));
  return true;
}

/** Whether nothing of it has vanished. */
export function isSound({ pageCount, pages }: SavedState): boolean {
  return pages.size === pageCount;
}
