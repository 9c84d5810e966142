import { ADDRESS_ZERO, type Address, type Piece } from '@millrace/model';
import {
  emptyEntries,
  EntryType,
  oneZero,
  SeriesRecordBuilder,
  type Entries,
  type RowEntries,
  type RowEntryType,
  type SampleColumns,
} from '@millrace/wire';
import { entriesBelow } from './entries-below.ts';

type Head = ConstructorParameters<typeof SeriesRecordBuilder>[0];

const RECORD_BYTES_MAX = 800_000;
const ROOM_MIN = 1024;

/**
 * Takes what a fold puts out as it is. Writing records of samples and windows and reading them
 * again was a third of a replay, and nothing is compared with such records: rows of the store were
 * made from others. All else goes by way of a record, and so does what the store's mark may cut.
 */
export class EntryCollector extends SeriesRecordBuilder {
  readonly #mark: Address;
  #isPlain = true;
  #lanes = new Uint32Array(2 * ROOM_MIN);
  #times = new Float64Array(ROOM_MIN);
  #values = new Float64Array(ROOM_MIN);
  #flags = new Uint8Array(ROOM_MIN);
  #count = 0;
  #open: Piece[] = [];
  #finals: Piece[] = [];

  /** `mark`: what is at it or behind it is left out. */
  constructor(head: Head, from: number, mark: Address) {
    super(head, { ...ADDRESS_ZERO, offset: from }, RECORD_BYTES_MAX);
    this.#mark = mark;
  }

  override begin(offset: number): void {
    super.begin(offset);
    this.#isPlain = offset < this.#mark.offset;
  }

  override sample(
    lanes: Uint32Array,
    at: number,
    timeUs: number,
    value: number,
    flags: number,
  ): void {
    if (!this.#isPlain) return super.sample(lanes, at, timeUs, value, flags);
    this.#reserve(1);
    const i = this.#count++;
    this.#lanes[2 * i] = lanes[at]!;
    this.#lanes[2 * i + 1] = lanes[at + 1]!;
    this.#times[i] = timeUs;
    this.#values[i] = value;
    this.#flags[i] = flags;
  }

  override samples(
    lanes: Uint32Array,
    columns: Readonly<{ times: Float64Array; values: Float64Array }>,
    from: number,
    to: number,
  ): void {
    if (!this.#isPlain) return super.samples(lanes, columns, from, to);
    this.#reserve(to - from);
    let at = this.#count;
    this.#times.set(columns.times.subarray(from, to), at);
    this.#values.set(columns.values.subarray(from, to), at);
    this.#flags.fill(0, at, at + to - from);
    const into = this.#lanes;
    for (let i = from; i < to; i += 1, at += 1) {
      into[2 * at] = lanes[4 * i]!;
      into[2 * at + 1] = lanes[4 * i + 1]!;
    }
    this.#count = at;
  }

  override entry<T extends RowEntryType>(type: T, entry: RowEntries[T]): void {
    if (!this.#isPlain) super.entry(type, entry);
    else if (type === EntryType.open) this.#open.push(asWritten(entry as Piece));
    else if (type === EntryType.final) this.#finals.push(asWritten(entry as Piece));
    else super.entry(type, entry);
  }

  /**
   * Hands out what was put out below the position, up to the mark, at least once. Columns are valid
   * until something else is put out.
   */
  take(position: number, onEntries: (entries: Entries) => void): void {
    if (this.bytes > 0) this.flush(position);
    const recorded = this.sealed.splice(0).map(({ payload }) => entriesBelow(payload, this.#mark));
    const plain = this.#takePlain();
    if (plain === undefined && recorded.length > 0) {
      for (const entries of recorded) onEntries(entries);
      return;
    }
    // Within a type all went the same way, so their order is what it was.
    const { samples, open, finals } = plain ?? emptyEntries();
    const [first = emptyEntries(), ...rest] = recorded;
    for (const entries of [{ ...first, samples, open, finals }, ...rest]) onEntries(entries);
  }

  #takePlain(): Entries | undefined {
    if (this.#count + this.#open.length + this.#finals.length === 0) return undefined;
    const entries = emptyEntries(this.#columns());
    const taken = { ...entries, open: this.#open, finals: this.#finals };
    this.#count = 0;
    if (this.#open.length > 0) this.#open = [];
    if (this.#finals.length > 0) this.#finals = [];
    return taken;
  }

  #columns(): SampleColumns {
    const count = this.#count;
    return {
      count,
      seriesIds: new Uint8Array(this.#lanes.buffer, 0, 8 * count),
      times: this.#times.subarray(0, count),
      values: this.#values.subarray(0, count),
      flags: this.#flags.subarray(0, count),
    };
  }

  #reserve(more: number): void {
    if (this.#count + more <= this.#flags.length) return;
    const room = 2 * (this.#count + more);
    const [lanes, times, values, flags] = [this.#lanes, this.#times, this.#values, this.#flags];
    this.#lanes = new Uint32Array(2 * room);
    this.#lanes.set(lanes);
    this.#times = new Float64Array(room);
    this.#times.set(times);
    this.#values = new Float64Array(room);
    this.#values.set(values);
    this.#flags = new Uint8Array(room);
    this.#flags.set(flags);
  }
}

/** As the builder writes it. */
function asWritten(piece: Piece): Piece {
  piece.sum = zeroOf(piece.sum);
  piece.min = zeroOf(piece.min);
  piece.max = zeroOf(piece.max);
  piece.first = zeroOf(piece.first);
  piece.last = zeroOf(piece.last);
  piece.increase = zeroOf(piece.increase);
  return piece;
}

function zeroOf(value: number | undefined): number | undefined {
  return value === undefined ? undefined : oneZero(value);
}
