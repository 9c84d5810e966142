import { TOPIC_CONTROL, type PartitionReader, type Stream } from '@millrace/stream';
import { decodeControlRecord } from '@millrace/wire';
import { otherPartitions } from './control-errors.ts';
import { RulesHistory } from './rules-history.ts';

const READ_BYTES_MAX = 1_048_576;
const READ_WAIT_MS = 1000;

/** Everything `metrics.control` held when it was called. */
export async function readHistory(stream: Stream, signal?: AbortSignal): Promise<RulesHistory> {
  const history = new RulesHistory();
  const { end } = await stream.bounds(TOPIC_CONTROL, 0);
  if (end === 0) return history;
  const reader = stream.reader(TOPIC_CONTROL, 0, 0);
  try {
    while (history.position < end) await readOn(history, reader, READ_WAIT_MS, signal);
  } finally {
    await reader.close();
  }
  checkPartitions(history, stream);
  return history;
}

/** Reads what is there, or waits for more; true when something came. */
export async function readOn(
  history: RulesHistory,
  reader: PartitionReader,
  waitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const records = await reader.next({
    bytesMax: READ_BYTES_MAX,
    waitMs,
    ...(signal === undefined ? {} : { signal }),
  });
  for (const { offset, payload } of records) history.read(decodeControlRecord(payload), offset);
  return records.length > 0;
}

/** @throws MillraceError CONTROL_PARTITIONS: P is fixed for a log. */
function checkPartitions({ partitions }: RulesHistory, stream: Stream): void {
  if (partitions === undefined || partitions === stream.partitions) return;
  throw otherPartitions(partitions, stream.partitions);
}
