import { mappedBuffer } from '@millrace/runtime';
import { emptyEntries, type SampleColumns } from '@millrace/wire';

const SAMPLES_MIN = 16_384;
/** Id, time, value and flags. */
const SAMPLE_BYTES = 25;
/** A room of which so many batches in turn need less than a quarter is made smaller. */
const SMALL_BATCHES = 32;
/** Among so many that were given back, rooms that nobody took are let go. */
const ROUND = 256;

/**
 * The samples of one batch as columns, in one piece of memory. Records are copied into it one
 * behind the other: so nothing of them is held, and the store need not put them together.
 */
export class SampleRoom {
  count = 0;
  #capacity = 0;
  /** Of the last batches, each of which needed less than a quarter: how many, and the most. */
  #small = { batches: 0, countMax: 0 };
  readonly #usualMax: number;
  #seriesIds!: Uint8Array;
  #times!: Float64Array;
  #values!: Float64Array;
  #flags!: Uint8Array;

  /** It doubles when it is full, up to `usualMax`, and has what is needed beyond. */
  constructor(capacity: number = SAMPLES_MIN, usualMax: number = Infinity) {
    this.#usualMax = usualMax;
    this.#lieIn(capacity);
  }

  /** Valid until more are added. */
  get columns(): SampleColumns {
    const { count } = this;
    return {
      count,
      seriesIds: this.#seriesIds.subarray(0, 8 * count),
      times: this.#times.subarray(0, count),
      values: this.#values.subarray(0, count),
      flags: this.#flags.subarray(0, count),
    };
  }

  add({ count, seriesIds, times, values, flags }: SampleColumns): void {
    const at = this.count;
    if (at + count > this.#capacity) {
      this.reserve(Math.max(Math.min(2 * this.#capacity, this.#usualMax), at + count));
    }
    this.#seriesIds.set(seriesIds.subarray(0, 8 * count), 8 * at);
    this.#times.set(times.subarray(0, count), at);
    this.#values.set(values.subarray(0, count), at);
    this.#flags.set(flags.subarray(0, count), at);
    this.count = at + count;
  }

  /** Makes room for so many in all. */
  reserve(capacity: number): void {
    if (capacity <= this.#capacity) return;
    const { columns } = this;
    this.count = 0;
    this.#lieIn(capacity);
    this.add(columns);
  }

  /** For the next batch; what it has is less after many small ones. */
  clear(): void {
    const { count } = this;
    this.count = 0;
    const { batches, countMax } = this.#small;
    const isSmall = 4 * count < this.#capacity && this.#capacity > SAMPLES_MIN;
    this.#small = isSmall
      ? { batches: batches + 1, countMax: Math.max(countMax, count) }
      : { batches: 0, countMax: 0 };
    if (this.#small.batches < SMALL_BATCHES) return;
    this.#lieIn(Math.max(SAMPLES_MIN, 2 * this.#small.countMax));
    this.#small = { batches: 0, countMax: 0 };
  }

  #lieIn(capacity: number): void {
    // One buffer: of a large batch it is mapped, and what is not written of it takes no memory.
    const buffer = mappedBuffer(SAMPLE_BYTES * capacity);
    this.#capacity = capacity;
    this.#times = new Float64Array(buffer, 0, capacity);
    this.#values = new Float64Array(buffer, 8 * capacity, capacity);
    this.#seriesIds = new Uint8Array(buffer, 16 * capacity, 8 * capacity);
    this.#flags = new Uint8Array(buffer, 24 * capacity, capacity);
  }
}

/**
 * Rooms that are used for one batch after another. Buffers that come and go at full rate are found
 * by the collector late: hundreds of megabytes would wait for it. Large batches, of which few are
 * held at a time, have rooms of their own, or in the end each room would be as large. What is kept
 * is what was in use of late.
 */
export class SampleRooms {
  readonly #usual = new SpareRooms();
  readonly #large = new SpareRooms();
  readonly #areLarge = new WeakSet<SampleRoom>();
  readonly #usualMax: number;
  #givenBack = 0;

  /** `usualMax`: samples of a usual batch. */
  constructor(usualMax: number) {
    this.#usualMax = usualMax;
  }

  take(): SampleRoom {
    return (
      this.#usual.take() ?? new SampleRoom(Math.min(SAMPLES_MIN, this.#usualMax), this.#usualMax)
    );
  }

  /** What is in it in a room for so many, more than a usual batch has; that one is given back. */
  enlarged(room: SampleRoom, capacity: number): SampleRoom {
    if (this.#areLarge.has(room)) return room;
    const large = this.#large.take() ?? new SampleRoom(capacity);
    this.#areLarge.add(large);
    large.reserve(capacity);
    large.add(room.columns);
    this.giveBack(room);
    return large;
  }

  /** Nobody looks at what is in it any more. */
  giveBack(room: SampleRoom): void {
    room.clear();
    (this.#areLarge.has(room) ? this.#large : this.#usual).add(room);
    this.#givenBack += 1;
    if (this.#givenBack % ROUND !== 0) return;
    this.#usual.letGo();
    this.#large.letGo();
  }
}

class SpareRooms {
  readonly #rooms: SampleRoom[] = [];
  /** So many lay here all the time since some were let go. */
  #untouched = 0;

  /** The one that came last, so that those that are too many lie untouched. */
  take(): SampleRoom | undefined {
    const room = this.#rooms.pop();
    this.#untouched = Math.min(this.#untouched, this.#rooms.length);
    return room;
  }

  add(room: SampleRoom): void {
    this.#rooms.push(room);
  }

  letGo(): void {
    this.#rooms.splice(0, this.#untouched);
    this.#untouched = this.#rooms.length;
  }
}

/** What a chunk has in place of samples that lie in a room. */
export const NO_SAMPLES: SampleColumns = emptyEntries().samples;
