export { MemoryStateDatabase } from './memory-state-database.ts';
export { MemoryPlacesDatabase, openMemoryStatePlaces } from './memory-state-places.ts';
export { MemoryStateStore } from './memory-state-store.ts';
