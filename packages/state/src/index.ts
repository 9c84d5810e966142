export type { CommittedState, StateCommit, StatePosition, StateStore } from './state.ts';
