import type { Clock } from '@millrace/runtime';
import type { LedgerPosition } from '@millrace/store';
import { LATE_RETAIN_US } from '@millrace/wire';
import type { ReceiverTarget } from './http-target.ts';

const LOOK_MS = 250;
const LOOKS_MAX = 160;
/** Pieces are put out at whole seconds. */
const SECOND_US = 1_000_000;

/**
 * What was sent last, and is stored, changed windows that are put out, and so marked, only when no
 * more came to them for a while. That is a while of each partition's own time, which the ledger
 * tells: no clock of this machine is asked. Where nobody tells, or a partition stands still, what
 * is missing is completed later.
 */
export async function untilPiecesAreStored(
  target: Pick<ReceiverTarget, 'ledger'>,
  { clock, signal }: Readonly<{ clock: Clock; signal: AbortSignal }>,
): Promise<void> {
  /** By partition, what the ledger told at first. */
  let before: ReadonlyMap<number, LedgerPosition> | undefined;
  const dueUs = new Map<number, number>();
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const report = await target.ledger();
    if (report === undefined) return;
    const { positions } = report;
    before ??= new Map(positions.map((one) => [one.partition, one]));
    const isOver = positions.map((now) => {
      const { partition, partitionTimeUs } = now;
      // The entry behind what was stored is the first that surely counts all of it.
      if (!dueUs.has(partition) && isLater(now, before!.get(partition))) {
        dueUs.set(partition, partitionTimeUs + LATE_RETAIN_US + SECOND_US);
      }
      return partitionTimeUs >= (dueUs.get(partition) ?? Infinity);
    });
    if (isOver.every((one) => one)) return;
    await clock.sleep(LOOK_MS, signal);
  }
}

/** Positions of different logs cannot be compared: then it is another log's, and later. */
function isLater(now: LedgerPosition, before: LedgerPosition | undefined): boolean {
  return before?.logId !== now.logId || now.position > before.position;
}
