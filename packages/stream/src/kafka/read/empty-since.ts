import { KafkaCode, type FetchedPartition } from '../client/protocol.ts';

/** A broker counts whole milliseconds, and may hold a fetch a part of one less. */
const TICK_MS = 2;

/**
 * An empty answer says that there was nothing at this time, by the monotonic clock. A broker that
 * held it looked once more when the time was over. One that answered early, since something came
 * for another partition or failed, looked some time after it was asked, and nobody knows when.
 */
export function emptySince(
  partitions: readonly FetchedPartition[],
  { sentMs, waitMs }: Readonly<{ sentMs: number; waitMs: number }>,
): number {
  const isHeld = partitions.every(
    ({ error, records }) => error === KafkaCode.none && records.length === 0,
  );
  const heldMs = sentMs + waitMs - TICK_MS;
  return isHeld && heldMs > sentMs && performance.now() >= heldMs ? heldMs : sentMs;
}
