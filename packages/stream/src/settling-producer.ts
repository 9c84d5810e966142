import { closedStream } from './stream-error.ts';
import type { Producer } from './stream.ts';

/**
 * A producer that appends by `append`. Closing it waits until everything that it was given is
 * settled, however often it is closed; it takes nothing more from then on.
 */
export function settlingProducer(append: Producer['append']): Producer {
  let closed = false;
  const unsettled = new Set<Promise<unknown>>();
  return {
    append: async (topic, partition, payload) => {
      if (closed) throw closedStream('This producer');
      const appended = append(topic, partition, payload);
      unsettled.add(appended);
      try {
        return await appended;
      } finally {
        unsettled.delete(appended);
      }
    },
    close: async () => {
      closed = true;
      await Promise.allSettled(unsettled);
    },
  };
}
