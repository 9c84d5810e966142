import { FINGERPRINT_BYTES } from '@millrace/model';
import { EventsRecordKind, type EventsRecord } from '@millrace/wire';

/** Series of all layouts that are remembered: more of them, and all are forgotten. */
const SERIES_MAX = 65_536;
const NONE = -1;

/** The series of a record in their order: records of the same senders mostly have the same ones. */
export interface RecordLayout {
  fingerprints: Uint8Array;
  /** The same as four lanes each. */
  keys: Uint32Array;
  /** Where each stood in the memory of series; -1: it was not looked for. A hint. */
  slots: Int32Array;
  /** Room for what is found of them: as much as was needed before. */
  room: Int32Array;
}

/**
 * Recognises that records have the same series in the same order: comparing their fingerprints at
 * once costs hardly anything, and looking for each of them as much as folding it. Caches. None of
 * them holds another one: those that begin alike may differ in every record.
 */
export class RecordLayouts {
  /** By the first bytes of the first series. Of those that begin alike the newest. */
  readonly #known = new Map<number, RecordLayout>();
  #series = 0;

  of(fingerprints: Uint8Array): RecordLayout {
    const begin = beginOf(fingerprints);
    const known = this.#known.get(begin);
    if (known !== undefined && isOf(known, fingerprints)) return known;
    const series = fingerprints.length / FINGERPRINT_BYTES;
    this.#series += series - (known?.slots.length ?? 0);
    if (this.#series > SERIES_MAX) {
      this.#known.clear();
      this.#series = series;
    }
    const keys = new Uint32Array(4 * series);
    const copy = new Uint8Array(keys.buffer);
    copy.set(fingerprints);
    const slots = new Int32Array(series).fill(NONE);
    const room = new Int32Array(0);
    const layout = { fingerprints: copy, keys, slots, room };
    this.#known.set(begin, layout);
    return layout;
  }
}

/**
 * Whether so many of the data records have the series of another one that each layout comes, on an
 * average, `times` times. Told by their first series: cheap, and no more than a guess.
 */
export function mayRepeat(
  records: readonly Readonly<{ record: EventsRecord }>[],
  times: number,
): boolean {
  const begins = new Set<number>();
  let data = 0;
  for (const { record } of records) {
    if (record.kind !== EventsRecordKind.data) continue;
    data += 1;
    begins.add(beginOf(record.fingerprints));
  }
  return data > 0 && begins.size * times <= data;
}

function isOf({ fingerprints: own }: RecordLayout, fingerprints: Uint8Array): boolean {
  return own.length === fingerprints.length && Buffer.compare(own, fingerprints) === 0;
}

function beginOf(fingerprints: Uint8Array): number {
  let begin = 0;
  for (let i = 0; i < 6; i += 1) begin = begin * 256 + (fingerprints[i] ?? 0);
  return begin;
}
