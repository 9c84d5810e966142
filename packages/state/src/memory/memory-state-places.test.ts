import { describeStatePlaces } from '../testing/places-contract.ts';
import { MemoryPlacesDatabase, openMemoryStatePlaces } from './memory-state-places.ts';

describeStatePlaces('Memory', async () => {
  const database = new MemoryPlacesDatabase();
  return { open: () => openMemoryStatePlaces(database), dispose: async () => undefined };
});
