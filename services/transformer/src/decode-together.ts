import type { StreamRecord } from '@millrace/stream';
import {
  decodeEventsRecord,
  EventsRecordKind,
  type ColumnRoom,
  type EventsRecord,
} from '@millrace/wire';
import type { AppendedRecord } from './fold/partition-fold.ts';

/** Samples that are folded in one go, at most: their columns are in memory together. */
export const AT_ONCE_MAX = 65_536;

interface DecodeParams {
  /** Number of the first among the records. */
  from: number;
  /** Where it has to lie in the log. */
  position: number;
  /** No further record is read once there are so many. */
  samplesMax: number;
  /** Holds their columns until others are read into it. */
  room: ColumnRoom;
}

/**
 * Reads records to be folded in one go: one at least. One that cannot be read ends them, and is
 * told once it is the first: those before it are sound.
 */
export function decodeTogether(
  records: readonly StreamRecord[],
  { from, position, samplesMax, room }: DecodeParams,
): AppendedRecord[] {
  const some: AppendedRecord[] = [];
  room.release();
  room.hold();
  let samples = 0;
  do {
    const { offset, payload, appendTimeUs } = records[from + some.length]!;
    if (offset !== position + some.length) {
      throw new Error(`record ${offset} was read at position ${position + some.length}`);
    }
    const record = tryDecode(payload, { room, isFirst: some.length === 0 });
    if (record === undefined) break;
    some.push({ record, appendTimeUs });
    samples += samplesOf(record);
  } while (samples < samplesMax && from + some.length < records.length);
  return some;
}

/** Undefined: it cannot be read, and is not the first. */
function tryDecode(
  payload: Uint8Array,
  { room, isFirst }: Readonly<{ room: ColumnRoom; isFirst: boolean }>,
): EventsRecord | undefined {
  try {
    return decodeEventsRecord(payload, room);
  } catch (error) {
    if (isFirst) throw error;
    return undefined;
  }
}

export function samplesOf(record: EventsRecord): number {
  return record.kind === EventsRecordKind.data ? record.values.length : 0;
}
