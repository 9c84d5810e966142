export { MemoryStateDatabase } from './memory-state-database.ts';
export { MemoryStateStore } from './memory-state-store.ts';
