import type { Clock } from '@millrace/runtime';
import type { StreamSettings } from '../stream-settings.ts';
import type { Producer, Stream } from '../stream.ts';

/** A stream under test, and how to get rid of all it left behind. */
export interface StreamUnderTest {
  stream: Stream;
  /** Closes the stream and opens the same log again; left out by a log that cannot outlive it. */
  reopen?: () => Promise<Stream>;
  /** What cannot be asked of this log, each with the reason: those tests are skipped with it. */
  lacks?: Readonly<Partial<Record<LogAbility, string>>>;
  dispose(): Promise<void>;
}

/**
 * `appendClock`: append times are those of the clock it was given. `retentionBytes`,
 * `topicBytesMax`: it keeps these bounds.
 */
export type LogAbility = 'appendClock' | 'retentionBytes' | 'topicBytesMax';

export type OpenStream = (
  params: Readonly<{ partitions: number; clock: Clock; settings: Partial<StreamSettings> }>,
) => Promise<StreamUnderTest>;

/** The same with what a test needs: `time` is the clock it was given. */
export type Open = (
  settings?: Partial<StreamSettings>,
  partitions?: number,
) => Promise<StreamUnderTest & { time: { nowUs: number }; producer: Producer }>;
