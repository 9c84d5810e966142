import { DEFAULT_STREAM_SETTINGS, type StreamSettings } from '../stream-settings.ts';
import { misuse } from '../stream-error.ts';

/** The bounds of the embedded log. */
export interface SegmentSettings extends StreamSettings {
  /** Payload bytes that one write and flush of a partition take at most (at least one record). */
  groupBytesMax: number;
  /**
   * Zeros written ahead when nothing waits, and half as many are left. Groups then fall into blocks
   * that the file already has, and their flush needs no second write of the file system's own
   * records: about a third less latency. Where there is no time for that, groups up to a sixteenth
   * bring a quarter of it themselves; for larger ones it costs more than it saves. With 0 the next
   * segment is not prepared ahead either.
   */
  aheadBytes: number;
  /** The largest piece of a file a reader holds, unless one record is larger. */
  readBytesMax: number;
  /** After a failed attempt to mend, appends are refused for so long before the next attempt. */
  mendPauseMs: number;
  /** How long `bounds` waits for the thread that owns the topic to open it. */
  ownerWaitMs: number;
}

export const DEFAULT_SEGMENT_SETTINGS: SegmentSettings = {
  ...DEFAULT_STREAM_SETTINGS,
  groupBytesMax: 4 * 1024 * 1024,
  aheadBytes: 1024 * 1024,
  readBytesMax: 1024 * 1024,
  mendPauseMs: 1000,
  ownerWaitMs: 30_000,
};

/** Frames name bytes of their file in 32 bits, and one group may exceed the size by a record. */
const SEGMENT_BYTES_MAX = 2 ** 31;

/** Complete settings; refuses those that the file format cannot keep. */
export function completeSettings(settings: Partial<SegmentSettings> = {}): SegmentSettings {
  const complete = { ...DEFAULT_SEGMENT_SETTINGS, ...settings };
  if (complete.segmentBytes > SEGMENT_BYTES_MAX) {
    throw misuse(`segmentBytes is ${complete.segmentBytes} and may be ${SEGMENT_BYTES_MAX}.`);
  }
  return complete;
}
