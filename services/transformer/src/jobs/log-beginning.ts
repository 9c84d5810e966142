import { TOPIC_EVENTS } from '@millrace/stream';
import { decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { readLastHeader } from '../begin-anew.ts';
import { logIdOf, type LogPlace } from '../log-id.ts';
import { beforeLive } from './job-errors.ts';

/** A log whose first record is there. */
export interface LogBeginning {
  logId: string;
  logNumber: number;
  /** No sample of the logs before it gets into a window that starts at or after it. */
  wholeFromUs: number;
}

const READ_BYTES_MAX = 1 << 16;

/**
 * What a job that begins with the log's first record has to know of it. The number is live
 * folding's to decide: a job that took one of its own could name its pieces like those of another
 * log.
 *
 * @throws MillraceError REPROCESS_BEFORE_LIVE (transient) while nothing was put out of this log.
 */
export async function readLogBeginning(place: LogPlace): Promise<LogBeginning> {
  const logId = await logIdOf(place);
  const last = await readLastHeader(place);
  if (last?.logId !== logId) throw beforeLive(place.partition);
  const { logNumber } = last;
  const wholeFromUs = logNumber > 1 ? await otherLogsEndUs(place) : -Infinity;
  return { logId, logNumber, wholeFromUs };
}

/** What the logs before have arrived before this one began; so far ahead a sample may have been. */
async function otherLogsEndUs({ stream, partition, signal }: LogPlace): Promise<number> {
  const { end } = await stream.bounds(TOPIC_EVENTS, partition);
  const reader = stream.reader(TOPIC_EVENTS, partition, 0);
  try {
    for (let next = 0; next < end;) {
      const how = { bytesMax: READ_BYTES_MAX, waitMs: 1000, signal };
      for (const { payload, appendTimeUs, offset } of await reader.next(how)) {
        const record = decodeEventsRecord(payload);
        if (record.kind === EventsRecordKind.barrier) {
          return appendTimeUs + record.settings.futureSkewUs;
        }
        next = offset + 1;
      }
    }
  } finally {
    await reader.close();
  }
  // Without rules nothing is folded, and of the candidate's barrier nothing is known either.
  throw beforeLive(partition);
}
