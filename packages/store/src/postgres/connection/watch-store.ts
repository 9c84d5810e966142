import { AnswerWatch, type Clock, type Log } from '@millrace/runtime';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { createStoreProbe } from './store-probe.ts';

/** Whether a store answers, as it is known at any moment. */
export interface StoreWatch extends Pick<AnswerWatch, 'problem' | 'dependency'> {
  /** Ends the asking, also while nobody answers. */
  close(): Promise<void>;
}

/** Begins to ask at once, over a connection of its own. */
export function watchStore(
  { clock, log }: Readonly<{ clock: Clock; log: Log }>,
  connection: PostgresConnection,
): StoreWatch {
  const probe = createStoreProbe(connection);
  const watch = new AnswerWatch({ clock, log, name: 'store', ask: () => probe.ask() });
  const ending = new AbortController();
  const running = watch.run(ending.signal);
  return {
    get problem() {
      return watch.problem;
    },
    get dependency() {
      return watch.dependency;
    },
    close: async () => {
      ending.abort();
      probe.close();
      await running;
    },
  };
}
