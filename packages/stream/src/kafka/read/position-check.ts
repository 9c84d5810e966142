import { outOfRange, partitionName } from '../../stream-error.ts';
import type { PartitionBounds, Topic } from '../../stream.ts';
import type { FetchingReader } from './kafka-reader.ts';

/** How often a position has to be beyond the end: for each of three brokers, and once more. */
const LOOKS_MAX = 4;

/**
 * Whether a position that a broker does not have is out of range for good. A broker that hung may
 * not know yet that another one leads by now, and how far the log reaches: before a position
 * counts as beyond the end, others are asked as well who leads.
 */
export class PositionCheck {
  readonly #params: PositionCheckParams;
  readonly #underWay = new Set<FetchingReader>();

  constructor(params: PositionCheckParams) {
    this.#params = params;
  }

  /** Stops the reader with what the partition holds, or lets it try again when that changed. */
  async check(reader: FetchingReader, position: number): Promise<void> {
    if (this.#underWay.has(reader)) return;
    this.#underWay.add(reader);
    const { bounds, refresh, onFailed } = this.#params;
    const { topic, partition } = reader;
    try {
      for (let looks = 1; looks <= LOOKS_MAX; looks += 1) {
        if (looks > 1) await refresh();
        const held = await bounds(topic, partition);
        // An answer that came late, for a position that another one has led on from.
        if (reader.fetchPosition !== position) return;
        const isForgotten = position < held.start;
        if (!isForgotten && position <= held.end) return;
        if (!isForgotten && looks < LOOKS_MAX) continue;
        reader.stop(outOfRange(partitionName(topic, partition), position, held));
        return;
      }
    } catch (error) {
      onFailed(reader, error);
    } finally {
      this.#underWay.delete(reader);
    }
  }
}

type PositionCheckParams = Readonly<{
  bounds: (topic: Topic, partition: number) => Promise<PartitionBounds>;
  /** Asks the next broker who leads what. */
  refresh: () => Promise<unknown>;
  onFailed: (reader: FetchingReader, error: unknown) => void;
}>;
