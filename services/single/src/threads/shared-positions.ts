import type { Address } from '@millrace/model';
import type { StoredPositions } from '@millrace/receiver';
import type { StoredMarks } from '@millrace/writer';

/** `Atomics.waitAsync` of ES2024, in every Node since 16, not yet in the library we compile to. */
type WaitAsync = (
  words: BigInt64Array,
  index: number,
  value: bigint,
) => { async: false } | { async: true; value: Promise<string> };
const waitAsync: WaitAsync = (
  Atomics as unknown as Readonly<{ waitAsync: WaitAsync }>
).waitAsync.bind(Atomics);

/** Memory for `publishPositions` and `readPositions`, one position for each partition. */
export function createSharedPositions(partitions: number): SharedArrayBuffer {
  return new SharedArrayBuffer(partitions * BigInt64Array.BYTES_PER_ELEMENT);
}

/** The writer's side: tells every thread how far the store is. */
export function publishPositions(shared: SharedArrayBuffer): StoredMarks {
  const words = new BigInt64Array(shared);
  return {
    // An offset of which only some entries are applied counts as not stored yet.
    set: (partition, { offset }: Address) => {
      Atomics.store(words, partition, BigInt(offset));
      Atomics.notify(words, partition);
    },
  };
}

interface Waiter {
  position: number;
  resolve: () => void;
}

/** The receiver's side: looks, and waits without polling. */
export function readPositions(shared: SharedArrayBuffer): StoredPositions {
  const words = new BigInt64Array(shared);
  const lanes = Array.from(words, () => ({ waiters: new Set<Waiter>(), isArmed: false }));
  const position = (partition: number): number => Number(Atomics.load(words, partition));
  const wake = (partition: number): void => {
    const lane = lanes[partition]!;
    const stored = position(partition);
    for (const waiter of lane.waiters) if (stored >= waiter.position) waiter.resolve();
  };
  // One wait on the shared memory serves all who wait in this thread, however often they come.
  const arm = (partition: number): void => {
    const lane = lanes[partition]!;
    if (lane.isArmed || lane.waiters.size === 0) return;
    const waiting = waitAsync(words, partition, Atomics.load(words, partition));
    if (!waiting.async) return arm(partition);
    lane.isArmed = true;
    void waiting.value.then(() => {
      lane.isArmed = false;
      wake(partition);
      arm(partition);
    });
    // What was stored between the caller's look and the wait must not be missed.
    return wake(partition);
  };
  return {
    position,
    wait: (partition, wanted, signal) =>
      new Promise((resolve, reject) => {
        const { waiters } = lanes[partition]!;
        const abort = (): void => {
          waiters.delete(waiter);
          reject(signal.reason as Error);
        };
        const waiter: Waiter = {
          position: wanted,
          resolve: () => {
            waiters.delete(waiter);
            signal.removeEventListener('abort', abort);
            resolve();
          },
        };
        if (signal.aborted) return abort();
        if (position(partition) >= wanted) return resolve();
        signal.addEventListener('abort', abort, { once: true });
        waiters.add(waiter);
        return arm(partition);
      }),
  };
}
