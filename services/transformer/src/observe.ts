import { errorKind, type Clock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import type { TransformerEvents } from './events.ts';
import type { PartitionOwner } from './partition-owner.ts';

const OBSERVE_MS = 1000;

/**
 * Shows once a second how far each partition is. An owner that is held up does not read, and knows
 * nothing of what comes behind: so the log is asked for its end.
 */
export async function observe(
  parts: Readonly<{ stream: Stream; clock: Clock; events: TransformerEvents; signal: AbortSignal }>,
  owners: () => readonly PartitionOwner[],
): Promise<void> {
  const { stream, clock, events, signal } = parts;
  for (;;) {
    try {
      await clock.sleep(OBSERVE_MS, signal);
      for (const owner of owners()) {
        const { progress, partition } = owner;
        if (owner.isHeldUp) {
          const { end } = await stream.bounds(TOPIC_EVENTS, partition);
          progress.endOffset = Math.max(end, progress.position);
        }
        // Lost meanwhile: what is shown of it is its new owner's business.
        if (owners().includes(owner)) events.observed(partition, progress.levels(clock.nowUs()));
      }
    } catch (error) {
      if (signal.aborted) return;
      if (errorKind(error) === 'defect') throw error;
      events.observeFailed(error);
    }
  }
}
