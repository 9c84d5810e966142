import type { Address } from '@millrace/model';
import { Encoder } from '@msgpack/msgpack';
import { bytesOf } from './columns.ts';
import { ROW_CODECS, type RowEntries, type RowEntryType } from './entry-codec.ts';
import { RUN_FIELDS } from './series-record-codec.ts';
import { EntryType, SERIES_RECORD_VERSION } from './series-record.ts';

/** A finished record of `metrics.series`, ready to be appended. */
export interface SealedRecord {
  from: Address;
  to: Address;
  payload: Uint8Array;
}

const SAMPLE_BYTES = 25;
/** What a row costs beside its byte strings and texts; only decides where records are cut. */
const ROW_BYTES = 160;

/**
 * Collects entries in the order they are decided and cuts them into records. The sequence of
 * entries and their addresses depend on nothing but the calls of `begin`, `sample` and `entry`;
 * only where records are cut depends on `flush` and the bound.
 */
export class SeriesRecordBuilder {
  readonly #head: readonly unknown[];
  readonly #recordBytesMax: number;
  readonly #encoder = new Encoder();
  readonly sealed: SealedRecord[] = [];
  #from: Address;
  #offset: number;
  #ordinal = 0;
  #bytes = 0;
  #runs: number[] = [];
  #count = 0;
  #seriesIds = new Uint8Array(8 * 1024);
  #times = new Float64Array(1024);
  #values = new Float64Array(1024);
  #flags = new Uint8Array(1024);
  #rows = new Map<RowEntryType, unknown[]>();

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

  /** Bytes collected since the last cut, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What follows is decided at the record with this offset. */
  begin(offset: number): void {
    this.#offset = offset;
    this.#ordinal = 0;
  }

  /** A raw sample; the series id is the 8 bytes of `fingerprints` at `at`. */
  sample(fingerprints: Uint8Array, at: number, timeUs: number, value: number, flags: number): void {
    if (this.#count === this.#flags.length) this.#grow();
    const i = this.#count;
    for (let b = 0; b < 8; b += 1) this.#seriesIds[8 * i + b] = fingerprints[at + b]!;
    this.#times[i] = timeUs;
    this.#values[i] = value;
    this.#flags[i] = flags;
    this.#count += 1;
    this.#took(EntryType.sample, SAMPLE_BYTES);
  }

  /** Any other entry. It must not change afterwards. */
  entry<T extends RowEntryType>(type: T, entry: RowEntries[T]): void {
    const row = ROW_CODECS[type].toRow(entry);
    const rows = this.#rows.get(type);
    if (rows === undefined) this.#rows.set(type, [row]);
    else rows.push(row);
    let bytes = ROW_BYTES;
    for (const field of row) {
      if (field instanceof Uint8Array) bytes += field.length;
      else if (typeof field === 'string') bytes += field.length * 3;
      else if (Array.isArray(field)) bytes += field.length * 64;
    }
    this.#took(type, bytes);
  }

  /**
   * Closes what was collected: everything below `position` is decided. The record may be empty:
   * ranges must follow one another without a gap, also over offsets that put nothing out.
   */
  flush(position: number): void {
    if (position > this.#from.offset) this.#seal({ offset: position, ordinal: 0 });
  }

  #took(type: EntryType, bytes: number): void {
    const runs = this.#runs;
    const last = runs.length - RUN_FIELDS;
    const offset = this.#offset - this.#from.offset;
    const goesOn = last >= 0 && runs[last] === type && runs[last + 2] === offset;
    if (goesOn) runs[last + 1]! += 1;
    else runs.push(type, 1, offset, this.#ordinal);
    this.#ordinal += 1;
    this.#bytes += bytes;
    if (this.#bytes >= this.#recordBytesMax) this.#seal(this.address);
  }

  #seal(to: Address): void {
    const n = this.#count;
    const payload = this.#encoder.encode([
      ...this.#head,
      this.#from.offset,
      this.#from.ordinal,
      to.offset,
      to.ordinal,
      bytesOf(Uint32Array.from(this.#runs)),
      this.#seriesIds.subarray(0, 8 * n),
      bytesOf(this.#times.subarray(0, n)),
      bytesOf(this.#values.subarray(0, n)),
      this.#flags.subarray(0, n),
      [...this.#rows],
    ]);
    this.sealed.push({ from: this.#from, to, payload });
    this.#from = to;
    this.#bytes = 0;
    this.#count = 0;
    this.#runs = [];
    this.#rows = new Map();
  }

  #grow(): void {
    const size = this.#flags.length * 2;
    const grown = <T extends Uint8Array | Float64Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.#seriesIds = grown(new Uint8Array(8 * size), this.#seriesIds);
    this.#times = grown(new Float64Array(size), this.#times);
    this.#values = grown(new Float64Array(size), this.#values);
    this.#flags = grown(new Uint8Array(size), this.#flags);
  }
}
