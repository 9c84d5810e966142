import type { StreamSettings } from './stream-settings.ts';
import { TOPIC_CHECKPOINTS, type Topic } from './stream.ts';

type Retention = Pick<StreamSettings, 'retentionMs' | 'retentionBytes'>;

/** How long a topic keeps what was released of it: checkpoints are replaced by newer ones. */
export function retentionOf(topic: Topic, settings: Retention): Retention {
  if (topic === TOPIC_CHECKPOINTS) return { retentionMs: 0, retentionBytes: 0 };
  return settings;
}

/** A segment that takes no more records. */
export interface ClosedSegment {
  /** Its first offset, and the first one after it. */
  base: number;
  end: number;
  bytes: number;
  /** The log's clock when it was closed: not older than its newest record. */
  closedAtUs: number;
}

/**
 * How many of the closed segments, oldest first, may be forgotten now: those entirely below
 * `position` that are past the retention, or while the partition holds more than its bound. It
 * stops at the first one that stays, since what is held must be without holes.
 */
export function countReleasable(
  params: Readonly<{
    closed: readonly ClosedSegment[];
    position: number;
    nowUs: number;
    partitionBytes: number;
    settings: Retention;
  }>,
): number {
  const { retentionMs, retentionBytes } = params.settings;
  const expiredUs = params.nowUs - retentionMs * 1000;
  let bytes = params.partitionBytes;
  let count = 0;
  for (const segment of params.closed) {
    const tooMany = retentionBytes > 0 && bytes > retentionBytes;
    if (segment.end > params.position) break;
    if (segment.closedAtUs > expiredUs && !tooMany) break;
    bytes -= segment.bytes;
    count += 1;
  }
  return count;
}
