export type { ApplyResult, MarkKey, Store, StoreBatch, StoredMark } from './store.ts';
