import { formatAddress, type Address } from '@millrace/model';
import { bytesOf } from '../fields/columns.ts';
import { FieldWriter } from '../fields/field-writer.ts';
import { ROW_CODECS, type RowEntries, type RowEntryType } from './entry-codec.ts';
import { RUN_FIELDS } from './series-record-codec.ts';
import { EntryType, lastFolded, SERIES_RECORD_VERSION } from './series-record.ts';

/** A finished record of `metrics.series`, ready to be appended. */
export interface SealedRecord {
  from: Address;
  to: Address;
  payload: Uint8Array;
}

/** Upper bounds of what is written, so that a record fits into the log whatever it holds. */
const SAMPLE_BYTES = 25;
/** Where it stands in a record. */
const FOLD_VERSION_FIELD = 4;
const RUN_BYTES = 4 * RUN_FIELDS;

/** Beside those of the head and a digest: two addresses, runs, four columns, rows, time counts. */
const FIELDS = 11;

/** Entries of one type, as they are written. */
interface Rows {
  type: RowEntryType;
  count: number;
  bytes: FieldWriter;
}

/**
 * Collects entries in the order they are decided and cuts them into records. The sequence of
 * entries and their addresses depend on nothing but the calls of `begin`, `sample` and `entry`;
 * only where records are cut depends on `flush` and the bound.
 */
export class SeriesRecordBuilder {
  #head: readonly unknown[];
  readonly #recordBytesMax: number;
  readonly #writer = new FieldWriter();
  /** Of the entry at hand. */
  readonly #row = new FieldWriter(256);
  readonly sealed: SealedRecord[] = [];
  /** Hex of the digest of the event at an offset; undefined: nobody has it at hand. */
  digestOf: (offset: number) => string | undefined = () => undefined;
  #from: Address;
  #offset: number;
  #ordinal = 0;
  #bytes = 0;
  #runs: number[] = [];
  #count = 0;
  #seriesIds = new Uint32Array(2 * 1024);
  #times = new Float64Array(1024);
  #values = new Float64Array(1024);
  #flags = new Uint8Array(1024);
  #flagsOfAny = 0;
  /** Of types that came, in the order in which they came first. */
  #rows: Rows[] = [];
  /** Room for rows: as much as was taken before. */
  readonly #spare: FieldWriter[] = [];

  constructor(
    head: Readonly<{ logId: string; logNumber: number; source: string; foldVersion: number }>,
    from: Address,
    recordBytesMax: number,
  ) {
    const logId = Buffer.from(head.logId, 'hex');
    this.#head = [SERIES_RECORD_VERSION, logId, head.logNumber, head.source, head.foldVersion];
    this.#recordBytesMax = recordBytesMax;
    this.#from = from;
    this.#offset = from.offset;
    this.#ordinal = from.ordinal;
  }

  /** Address of the next entry. */
  get address(): Address {
    return { offset: this.#offset, ordinal: this.#ordinal };
  }

  /** Bytes collected since the last cut: at least what they will take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether entries of this type are wanted at all: making them costs something. */
  takes(_type: EntryType): boolean {
    return true;
  }

  /** What follows is decided at the record with this offset. */
  begin(offset: number): void {
    this.#offset = offset;
    this.#ordinal = 0;
  }

  /** What follows is put out under another fold version: a record holds entries of one. */
  changeFoldVersion(foldVersion: number): void {
    if (this.#head[FOLD_VERSION_FIELD] === foldVersion) return;
    if (this.#bytes > 0) this.#seal(this.address);
    this.#head = this.#head.with(FOLD_VERSION_FIELD, foldVersion);
  }

  /** A raw sample; the series id is the two lanes of 4 bytes at `at`. */
  sample(lanes: Uint32Array, at: number, timeUs: number, value: number, flags: number): void {
    this.#take(EntryType.sample, SAMPLE_BYTES);
    if (this.#count === this.#flags.length) this.#grow();
    const i = this.#count;
    this.#seriesIds[2 * i] = lanes[at]!;
    this.#seriesIds[2 * i + 1] = lanes[at + 1]!;
    this.#times[i] = timeUs;
    this.#values[i] = oneNaN(value);
    this.#flags[i] = flags;
    this.#flagsOfAny |= flags;
    this.#count += 1;
  }

  /** Raw samples [from, to) of columns, one of each series, whose ids begin at lane 4 × number. */
  samples(
    lanes: Uint32Array,
    { times, values }: Readonly<{ times: Float64Array; values: Float64Array }>,
    from: number,
    to: number,
  ): void {
    for (let next = from; next < to;) {
      const end = Math.min(to, next + this.#roomForSamples());
      this.#takeAll(EntryType.sample, SAMPLE_BYTES, end - next);
      let at = this.#count;
      while (at + end - next > this.#flags.length) this.#grow();
      const ids = this.#seriesIds;
      this.#times.set(times.subarray(next, end), at);
      this.#flags.fill(0, at, at + end - next);
      for (; next < end; next += 1, at += 1) {
        ids[2 * at] = lanes[4 * next]!;
        ids[2 * at + 1] = lanes[4 * next + 1]!;
        this.#values[at] = oneNaN(values[next]!);
      }
      this.#count = at;
    }
  }

  /** Any other entry. It is written at once: what becomes of it afterwards does not matter. */
  entry<T extends RowEntryType>(type: T, entry: RowEntries[T]): void {
    const fields = ROW_CODECS[type].toRow(entry);
    const row = this.#row;
    row.reset();
    row.array(fields.length);
    for (const field of fields) {
      if (typeof field === 'number') row.number(oneZero(oneNaN(field)));
      else row.value(field);
    }
    this.#take(type, row.length);
    const rows = this.#rowsOf(type);
    rows.count += 1;
    rows.bytes.raw(row.view());
  }

  /**
   * Closes what was collected: everything below `position` is decided. The record may be empty:
   * ranges must follow one another without a gap, also over offsets that put nothing out.
   */
  flush(position: number): void {
    if (this.#offset > position || (this.#offset === position && this.#ordinal > 0)) {
      // A record that holds entries at or above its own end would be applied twice.
      throw new Error(`entries up to ${formatAddress(this.address)}, flushed at ${position}`);
    }
    if (position > this.#from.offset) this.#seal({ offset: position, ordinal: 0 });
  }

  /** How many raw samples fit into the record at hand, after it was closed if none did. */
  #roomForSamples(): number {
    const left = () => Math.floor((this.#recordBytesMax - RUN_BYTES - this.#bytes) / SAMPLE_BYTES);
    if (this.#bytes > 0 && left() < 1) this.#seal(this.address);
    return Math.max(1, left());
  }

  /** Counts the next entry, in the next record if it does not fit into this one. */
  #take(type: EntryType, bytes: number): void {
    if (this.#bytes > 0 && this.#bytes + RUN_BYTES + bytes > this.#recordBytesMax) {
      this.#seal(this.address);
    }
    this.#takeAll(type, bytes, 1);
  }

  /** Counts the next entries, which fit. */
  #takeAll(type: EntryType, bytesOfEach: number, count: number): void {
    const runs = this.#runs;
    const last = runs.length - RUN_FIELDS;
    const offset = this.#offset - this.#from.offset;
    this.#bytes += count * bytesOfEach;
    if (last >= 0 && runs[last] === type && runs[last + 2] === offset) runs[last + 1]! += count;
    else {
      runs.push(type, count, offset, this.#ordinal);
      this.#bytes += RUN_BYTES;
    }
    this.#ordinal += count;
  }

  #rowsOf(type: RowEntryType): Rows {
    const known = this.#rows.find((rows) => rows.type === type);
    if (known !== undefined) return known;
    const bytes = this.#spare.pop() ?? new FieldWriter();
    bytes.reset();
    const rows = { type, count: 0, bytes };
    this.#rows.push(rows);
    return rows;
  }

  #seal(to: Address): void {
    const n = this.#count;
    const writer = this.#writer;
    const digest = this.digestOf(lastFolded(to));
    writer.reset();
    writer.array(this.#head.length + FIELDS + (digest === undefined ? 0 : 1));
    for (const field of this.#head) writer.value(field);
    for (const { offset, ordinal } of [this.#from, to]) {
      writer.number(offset);
      writer.number(ordinal);
    }
    writer.bytes(bytesOf(Uint32Array.from(this.#runs)));
    writer.bytes(bytesOf(this.#seriesIds.subarray(0, 2 * n)));
    const folded = foldTimes(this.#times.subarray(0, n));
    writer.bytes(bytesOf(folded.times));
    writer.bytes(bytesOf(this.#values.subarray(0, n)));
    writer.bytes(this.#flags.subarray(0, this.#flagsOfAny === 0 ? 0 : n));
    writer.array(this.#rows.length);
    for (const { type, count, bytes } of this.#rows) {
      writer.array(2);
      writer.number(type);
      writer.array(count);
      writer.raw(bytes.view());
    }
    writer.bytes(bytesOf(folded.counts));
    if (digest !== undefined) writer.bytes(Buffer.from(digest, 'hex'));
    this.sealed.push({ from: this.#from, to, payload: writer.take() });
    this.#from = to;
    this.#bytes = 0;
    this.#count = 0;
    this.#flagsOfAny = 0;
    this.#runs = [];
    for (const { bytes } of this.#rows) this.#spare.push(bytes);
    this.#rows = [];
  }

  #grow(): void {
    const size = this.#flags.length * 2;
    const grown = <T extends Uint8Array | Uint32Array | Float64Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.#seriesIds = grown(new Uint32Array(2 * size), this.#seriesIds);
    this.#times = grown(new Float64Array(size), this.#times);
    this.#values = grown(new Float64Array(size), this.#values);
    this.#flags = grown(new Uint8Array(size), this.#flags);
  }
}

const NO_COUNTS = new Uint32Array(0);

/** Each time once, and how many samples in a row have it; as they are where that takes more. */
function foldTimes(times: Float64Array): { times: Float64Array; counts: Uint32Array } {
  const { length } = times;
  const countMax = Math.floor((length * 8) / 12);
  const starts: number[] = [];
  for (let i = 0; i < length; i += 1) {
    if (i > 0 && times[i] === times[i - 1]) continue;
    if (starts.length === countMax) return { times, counts: NO_COUNTS };
    starts.push(i);
  }
  const counts = Uint32Array.from(starts, (start, i) => (starts[i + 1] ?? length) - start);
  return { times: Float64Array.from(starts, (start) => times[start]!), counts };
}

/**
 * The language leaves a NaN's sign and payload open, and what comes out of a sum depends on how
 * it was compiled: with a fixed one, equal entries are equal bytes.
 */
function oneNaN(value: number): number {
  return value === value ? value : NaN;
}

/**
 * What the folds up to version 3 put out has one zero, but for raw samples, which are columns: the
 * records of the first releases had no other, and the same log gives the same entries for ever. So
 * a window, a row of it and whoever folds again agree. Keeping the sign is another fold version.
 */
export function oneZero(value: number): number {
  return value === 0 ? 0 : value;
}
