import { CheckpointScan, keptFrom, type CheckpointSection } from '@millrace/checkpoint';
import { TOPIC_CHECKPOINTS, type Stream } from '@millrace/stream';

interface HeldCheckpoint {
  /** Of its manifest. */
  offset: number;
  /** Of its first record: where that is gone, so are the bytes, though the manifest may be left. */
  first: number;
  bytes: number;
}

export interface CheckpointRoomSettings extends Pick<
  CheckpointSection,
  'keptCount' | 'keptBytesMax'
> {
  /** The log lets go of whole segments of so many bytes; 0: of each record by itself. */
  segmentBytes: number;
}

/**
 * How much of `metrics.checkpoints` those of a partition take that this process knows of. While the
 * store is far behind none can be released; then they must not fill the disk.
 */
export class CheckpointRoom {
  readonly #stream: Stream;
  readonly #settings: CheckpointRoomSettings;
  readonly #held = new Map<number, HeldCheckpoint[]>();

  constructor(stream: Stream, settings: CheckpointRoomSettings) {
    this.#stream = stream;
    this.#settings = settings;
  }

  note(partition: number, held: HeldCheckpoint): void {
    const others = this.#heldOf(partition).filter(({ offset }) => offset !== held.offset);
    this.#held.set(partition, [...others, held]);
  }

  /** Bytes that are held, when they leave no room for another one. */
  async exceeded(partition: number, signal: AbortSignal): Promise<number | undefined> {
    const { start } = await this.#stream.bounds(TOPIC_CHECKPOINTS, partition);
    const held = this.#heldOf(partition).filter(({ first }) => first >= start);
    this.#held.set(partition, held);
    const bytes = held.reduce((sum, one) => sum + one.bytes, 0);
    if (bytes <= this.#settings.keptBytesMax) return undefined;
    return (await this.#waitsForTheStore(partition, signal)) ? bytes : undefined;
  }

  /**
   * Whether waiting for the store makes room. An only one is released when there is a newer one,
   * one that is damaged, or of a state that was rolled back, lets nothing be released, and what
   * lies in one segment with what is kept stays until others have filled that.
   */
  async #waitsForTheStore(partition: number, signal: AbortSignal): Promise<boolean> {
    const scan = new CheckpointScan({ stream: this.#stream, partition, signal });
    await scan.follow();
    const { found } = scan;
    const whole = found.filter(({ fault }) => fault === undefined);
    const newest = found.at(-1);
    if (newest === undefined || newest.fault !== undefined) return false;
    const base = whole.reduce((a, b) => (b.manifest.position >= a.manifest.position ? b : a));
    // When the store has gone past that one, nothing is kept that lies before.
    const from = keptFrom({ found, whole, base }, this.#settings);
    const before = whole.filter(({ offset }) => offset < from);
    const bytes = before.reduce((sum, { manifest }) => sum + manifest.pagesBytes, 0);
    return bytes > this.#settings.segmentBytes;
  }

  #heldOf(partition: number): HeldCheckpoint[] {
    return this.#held.get(partition) ?? [];
  }
}
