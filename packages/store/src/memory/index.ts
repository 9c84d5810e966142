export { createMemoryCompletionStore } from './memory-completion-store.ts';
export { createMemoryStoreReader } from './memory-store-reader.ts';
export { createMemoryStore, type MemoryStore } from './memory-store.ts';
export {
  MemoryStoreDatabase,
  type MemoryHistogram,
  type MemoryMark,
  type MemoryPiece,
  type MemorySample,
} from './memory-store-database.ts';
export type { ServedRange } from './served-editions.ts';
