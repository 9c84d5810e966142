export {
  commitRefOf,
  isPageKey,
  isSamePosition,
  newCommit,
  PAGE_KEY_BYTES_MAX,
  type CommitRef,
  type CommittedState,
  type StateCommit,
  type StatePosition,
  type StatePositionReader,
  type StateStore,
} from './state.ts';
export type { StatePlaces } from './state-places.ts';
export { isCorruptState, STATE_CODES, StateError, type StateCode } from './state-error.ts';
