export { probeLmdbState } from './probe-lmdb-state.ts';
export { openLmdbStateStore, type LmdbStateStore } from './lmdb-state-store.ts';
