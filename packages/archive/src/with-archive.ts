import {
  TOPIC_CHECKPOINTS,
  TOPIC_EVENTS,
  type PartitionBounds,
  type PartitionReader,
  type Producer,
  type Stream,
  type Topic,
} from '@millrace/stream';
import type { ArchiveFiles } from './archive-files.ts';
import { ArchivedPartition } from './archived-partition.ts';
import { ArchivedReader } from './archived-reader.ts';
import type { ArchivedTopic } from './range.ts';
import { LoadedRanges } from './loaded-ranges.ts';

export interface WithArchiveParts {
  stream: Stream;
  files: ArchiveFiles;
  /** The log lacks its beginning, and what there is in the archive is of no use for that. */
  onUnusable?: (partition: number, why: string) => void;
  /** See `ArchivedPartitionParts`; 15 s unless given. */
  lookAgainMs?: number;
}

const LOOK_AGAIN_MS = 15_000;

/**
 * The same log with its archive in front: whoever reads from it finds the events, and the
 * checkpoints, that the log has forgotten. Of checkpoints some are there, so that offsets may be
 * missing between. The archive is asked when something is read that the log does not hold; then
 * calls may reject with ARCHIVE_UNREACHABLE (transient) or ARCHIVE_DAMAGED.
 */
export function withArchive(parts: WithArchiveParts): Stream {
  return new StreamWithArchive(parts);
}

class StreamWithArchive implements Stream {
  readonly partitions: number;
  readonly #parts: WithArchiveParts;
  readonly #archived = new Map<number, ArchivedPartition>();
  readonly #loaded: LoadedRanges;

  constructor(parts: WithArchiveParts) {
    this.#parts = parts;
    this.partitions = parts.stream.partitions;
    this.#loaded = new LoadedRanges(parts.files);
  }

  producer(): Producer {
    return this.#parts.stream.producer();
  }

  reader(topic: Topic, partition: number, position: number): PartitionReader {
    const { stream } = this.#parts;
    if (!isArchived(topic)) return stream.reader(topic, partition, position);
    const archived = this.#archivedOf(partition);
    return new ArchivedReader(
      { stream, archived, loaded: this.#loaded },
      { topic, partition, position },
    );
  }

  async bounds(topic: Topic, partition: number): Promise<PartitionBounds> {
    const held = await this.#parts.stream.bounds(topic, partition);
    if (!isArchived(topic) || held.start === 0) return held;
    const start = await this.#archivedOf(partition).start(topic, held);
    return { start, end: held.end };
  }

  async release(topic: Topic, partition: number, position: number): Promise<void> {
    await this.#parts.stream.release(topic, partition, position);
  }

  async close(): Promise<void> {
    await this.#parts.stream.close();
  }

  #archivedOf(partition: number): ArchivedPartition {
    const known = this.#archived.get(partition);
    if (known !== undefined) return known;
    const { stream, files, onUnusable = () => undefined } = this.#parts;
    const { lookAgainMs = LOOK_AGAIN_MS } = this.#parts;
    const parts = { stream, files, partition, onUnusable, lookAgainMs };
    const archived = new ArchivedPartition(parts);
    this.#archived.set(partition, archived);
    return archived;
  }
}

function isArchived(topic: Topic): topic is ArchivedTopic {
  return topic === TOPIC_EVENTS || topic === TOPIC_CHECKPOINTS;
}
