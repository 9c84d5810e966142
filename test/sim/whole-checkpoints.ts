import { TOPIC_CHECKPOINTS, TOPIC_EVENTS } from '@millrace/stream';
import {
  CheckpointRecordKind,
  decodeCheckpointRecord,
  type CheckpointChunkRecord,
  type CheckpointManifest,
} from '@millrace/wire';
import type { RecordedLog } from './recorded-log.ts';

/** A checkpoint of which every record is there and as it was made. */
export interface WholeCheckpoint {
  manifest: CheckpointManifest;
  pages: Map<string, Uint8Array>;
  /** Of its first record, and of its manifest. */
  first: number;
  offset: number;
}

interface PartitionCheckpoints {
  read: number;
  /** Chunks by attempt, in order. */
  chunks: Map<string, { chunk: CheckpointChunkRecord; offset: number }[]>;
  whole: WholeCheckpoint[];
  /** Manifests without all of their chunks before them, though nothing of them was damaged. */
  hollow: string[];
}

/**
 * Follows the checkpoints of a log by a way of its own: which record was damaged it is told, and no
 * digest is asked. And watches what is released: the log must hold all that follows a whole
 * checkpoint, and the event before it, which is not ahead of what the store has for good.
 */
export class WholeCheckpoints {
  readonly #log: RecordedLog;
  readonly #flushed: (partition: number) => number;
  readonly #onProblem: (problem: string) => void;
  readonly #partitions = new Map<number, PartitionCheckpoints>();

  /** `flushed`: of a partition, the position up to which no crash takes anything back. */
  constructor(
    log: RecordedLog,
    flushed: (partition: number) => number,
    onProblem: (problem: string) => void,
  ) {
    this.#log = log;
    this.#flushed = flushed;
    this.#onProblem = onProblem;
  }

  of(partition: number): readonly WholeCheckpoint[] {
    return this.#follow(partition).whole;
  }

  /** Attempts of which the manifest never came. */
  brokenOff(partition: number): number {
    return this.#follow(partition).chunks.size;
  }

  hollow(partition: number): readonly string[] {
    return this.#follow(partition).hollow;
  }

  /** INVARIANT of the retention; to be asked whenever something was released. */
  check(partition: number): void {
    const { start } = this.#log.bounds(TOPIC_EVENTS, partition);
    if (start === 0) return;
    const held = this.#log.bounds(TOPIC_CHECKPOINTS, partition);
    const flushed = this.#flushed(partition);
    const leadsBack = ({ first, manifest: { position } }: WholeCheckpoint): boolean =>
      first >= held.start && position > start && position <= flushed;
    if (this.of(partition).some(leadsBack)) return;
    this.#onProblem(
      `partition ${partition}: events begin at ${start}, the store has ${flushed} for good, ` +
        'and no whole checkpoint lies between',
    );
  }

  #follow(partition: number): PartitionCheckpoints {
    let known = this.#partitions.get(partition);
    if (known === undefined) {
      known = { read: 0, chunks: new Map(), whole: [], hollow: [] };
      this.#partitions.set(partition, known);
    }
    const records = this.#log.records(TOPIC_CHECKPOINTS, partition, known.read);
    for (const { offset, payload } of records) {
      known.read = offset + 1;
      if (this.#log.isDamaged(TOPIC_CHECKPOINTS, partition, offset)) continue;
      const record = decodeCheckpointRecord(payload);
      if (record.kind === CheckpointRecordKind.chunk) {
        const before = known.chunks.get(record.checkpointId) ?? [];
        known.chunks.set(record.checkpointId, [...before, { chunk: record, offset }]);
      } else {
        const { kind: _, ...manifest } = record;
        this.#end(known, manifest, offset);
      }
    }
    return known;
  }

  #end(known: PartitionCheckpoints, manifest: CheckpointManifest, offset: number): void {
    const { checkpointId, chunkCount, firstChunkOffset } = manifest;
    const all = known.chunks.get(checkpointId) ?? [];
    known.chunks.delete(checkpointId);
    // Where its maker says that it begins; a repeated chunk may lie before that.
    const chunks = all.filter(({ offset: at }) => at >= firstChunkOffset);
    if (known.whole.some((one) => one.manifest.checkpointId === checkpointId)) return;
    const pages = new Map<string, Uint8Array>();
    let next = 0;
    for (const { chunk } of chunks) {
      if (chunk.index !== next) continue;
      next += 1;
      for (const { key, at, pageBytes, bytes } of chunk.pieces) {
        const page = pages.get(key) ?? new Uint8Array(pageBytes);
        page.set(bytes, at);
        pages.set(key, page);
      }
    }
    const first = Math.min(offset, firstChunkOffset < 0 ? offset : firstChunkOffset);
    if (next === chunkCount) known.whole.push({ manifest, pages, first, offset });
    else if (this.#log.damagedCount === 0) known.hollow.push(checkpointId);
  }
}
