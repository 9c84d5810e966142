import type { Producer } from '@millrace/stream';

/** A log whose flush takes as long as a test wants. */
export interface Gate {
  wrap: (producer: Producer) => Producer;
  /** Appends that wait at the gate. */
  readonly waiting: number;
  /** Lets those that wait, and all that come, pass. */
  open(): void;
  /** Fails those that wait. */
  fail(error: Error): void;
}

export function closedGate(): Gate {
  let isOpen = false;
  let waiting: { pass: () => void; fail: (error: Error) => void }[] = [];
  return {
    wrap: (producer) => ({
      append: async (topic, partition, payload) => {
        if (!isOpen) {
          await new Promise<void>((resolve, reject) => {
            waiting.push({ pass: resolve, fail: reject });
          });
        }
        return await producer.append(topic, partition, payload);
      },
      close: async () => await producer.close(),
    }),
    get waiting() {
      return waiting.length;
    },
    open: () => {
      isOpen = true;
      for (const one of waiting) one.pass();
      waiting = [];
    },
    fail: (error) => {
      for (const one of waiting) one.fail(error);
      waiting = [];
    },
  };
}
