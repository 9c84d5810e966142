import { describeStateStore } from '../testing/state-contract.ts';
import { MemoryStateDatabase } from './memory-state-database.ts';
import { MemoryStateStore } from './memory-state-store.ts';

describeStateStore('MemoryStateStore', async () => {
  const database = new MemoryStateDatabase();
  return {
    open: () => new MemoryStateStore(database),
    losePosition: async (partition) => {
      database.partition(partition).position = undefined;
    },
    losePage: async (partition, key) => {
      database.partition(partition).pages.delete(key);
    },
    dispose: async () => undefined,
  };
});
