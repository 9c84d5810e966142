import type { Stream } from '@millrace/stream';
import type { ArchiveSection } from './archive-settings.ts';
import { readLog } from './read-log.ts';
import type { ArchivedTopic } from './range.ts';

/** Where a range that begins at `from` ends, or what there is of it as yet. */
export interface Cut {
  from: number;
  /** What was looked at ends here; when `isClosed`, the range does. */
  to: number;
  isClosed: boolean;
  payloadBytes: number;
  /** The log's clock at its first record; undefined: it has none yet. */
  firstUs: number | undefined;
}

/**
 * Cuts by what lies in the log, and never by a clock: a range ends before the first record with
 * which it would be too large, or too long. So whoever cuts, and when, comes to the same ranges.
 */
export async function cutRange(
  stream: Stream,
  what: Readonly<{
    topic: ArchivedTopic;
    partition: number;
    from: number;
    /** The end of the log. */
    end: number;
    signal?: AbortSignal | undefined;
  }>,
  { rangeBytesMax, rangeMsMax }: Pick<ArchiveSection, 'rangeBytesMax' | 'rangeMsMax'>,
): Promise<Cut> {
  const { from, end: to } = what;
  let payloadBytes = 0;
  let firstUs: number | undefined;
  for await (const { offset, appendTimeUs, payload } of readLog(stream, { ...what, to })) {
    firstUs ??= appendTimeUs;
    const isTooLarge = offset > from && payloadBytes + payload.length > rangeBytesMax;
    const isTooLong = appendTimeUs - firstUs >= rangeMsMax * 1000;
    if (isTooLarge || isTooLong) return { from, to: offset, isClosed: true, payloadBytes, firstUs };
    payloadBytes += payload.length;
  }
  return { from, to, isClosed: false, payloadBytes, firstUs };
}
