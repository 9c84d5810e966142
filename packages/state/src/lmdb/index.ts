export { probeLmdbState } from './probe-lmdb-state.ts';
export { openLmdbStatePlaces } from './lmdb-state-places.ts';
export { openLmdbStateStore, type LmdbStateStore } from './lmdb-state-store.ts';
