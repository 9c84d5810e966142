import type { CompletionRun, CompletionStore } from '../completion-store.ts';
import type { MemoryStoreDatabase } from './memory-store-database.ts';
import { createMemoryStoreReader } from './memory-store-reader.ts';
import { nameOf } from './memory-windows.ts';

/** Windows computed again, for what memory stores keep. */
export function createMemoryCompletionStore(database: MemoryStoreDatabase): CompletionStore {
  const { completion } = database;
  return {
    begin: async () => {
      if (completion.isUnderWay) return undefined;
      completion.isUnderWay = true;
      completion.runs += 1;
      return runOf(database, completion.runs);
    },
    close: async () => undefined,
  };
}

function runOf(database: MemoryStoreDatabase, run: number): CompletionRun {
  const reader = createMemoryStoreReader(database);
  return {
    run,
    marked: async (scope) => (await reader.snapshot()).marked(scope),
    look: async (names) => (await reader.snapshot()).look(names),
    replace: async (windows) => {
      let replaced = 0;
      for (const window of windows) {
        const known = database.complete.get(nameOf(window));
        if (known !== undefined && known.run >= run) continue;
        database.complete.set(nameOf(window), { ...window, run });
        database.notCompletable.delete(nameOf(window));
        replaced += 1;
      }
      return replaced;
    },
    fail: async (windows) => {
      for (const window of windows) database.notCompletable.set(nameOf(window), { ...window, run });
    },
    end: async () => {
      database.completion.isUnderWay = false;
    },
  };
}
