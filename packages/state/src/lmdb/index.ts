export { openLmdbStateStore, type LmdbStateStore } from './lmdb-state-store.ts';
