import { readRecord, TOPIC_CONTROL, type PartitionReader, type Stream } from '@millrace/stream';
import { ControlRecordKind, decodeControlRecord } from '@millrace/wire';
import { otherPartitions } from './control-errors.ts';
import { RulesHistory } from './rules-history.ts';

const READ_BYTES_MAX = 1_048_576;
const READ_WAIT_MS = 1000;

/** Everything `metrics.control` held when it was called. */
export async function readHistory(stream: Stream, signal?: AbortSignal): Promise<RulesHistory> {
  return await new HistoryReader(stream).read(signal);
}

/**
 * Reads `metrics.control` again and again, each time only what came since: nothing of it is ever
 * changed. When the topic was made anew it begins anew.
 */
export class HistoryReader {
  readonly #stream: Stream;
  #history = new RulesHistory();
  #reading: Promise<RulesHistory> | undefined;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /**
   * Everything that the topic holds now. The history that it tells grows with the next call; so
   * take what is newest out of it before anything else is waited for.
   */
  async read(signal?: AbortSignal): Promise<RulesHistory> {
    // One at a time: records are read in their order, each once.
    while (this.#reading !== undefined) await this.#reading.catch(() => undefined);
    signal?.throwIfAborted();
    this.#reading = this.#readOn(signal);
    try {
      return await this.#reading;
    } finally {
      this.#reading = undefined;
    }
  }

  /** Resolves when the topic holds more than was read, and after `waitMs` at the latest. */
  async more(waitMs: number, signal: AbortSignal): Promise<void> {
    const reader = this.#stream.reader(TOPIC_CONTROL, 0, this.#history.position);
    try {
      await reader.next({ bytesMax: 1, waitMs, signal });
    } finally {
      await reader.close();
    }
  }

  async #readOn(signal: AbortSignal | undefined): Promise<RulesHistory> {
    const stream = this.#stream;
    const { end } = await stream.bounds(TOPIC_CONTROL, 0);
    if (end < this.#history.position || !(await this.#isSame(signal))) {
      this.#history = new RulesHistory();
    }
    const history = this.#history;
    if (history.position >= end) return history;
    const reader = stream.reader(TOPIC_CONTROL, 0, history.position);
    try {
      while (history.position < end) await readOn(history, reader, READ_WAIT_MS, signal);
    } catch (error) {
      this.#history = new RulesHistory();
      throw error;
    } finally {
      await reader.close();
    }
    checkPartitions(history, stream);
    return history;
  }

  /** Whether the topic still begins with the record that was read. */
  async #isSame(signal: AbortSignal | undefined): Promise<boolean> {
    const { logId } = this.#history;
    if (logId === undefined) return true;
    const at = {
      topic: TOPIC_CONTROL,
      partition: 0,
      offset: 0,
      waitMsMax: READ_WAIT_MS,
      signal,
    } as const;
    const first = await readRecord(this.#stream, at);
    const record = first === undefined ? undefined : decodeControlRecord(first.payload);
    return record?.kind === ControlRecordKind.log && record.logId === logId;
  }
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
