import type { Entries } from '@millrace/wire';
import { openedAt, type Piece } from '@millrace/model';
import type { StoredPiece } from '@millrace/store';
import { RowList } from '../rows/compare-rows.ts';
import { DigestTable } from './digest-table.ts';
import type { SliceOf } from './expected-samples.ts';
import type { PastWindows } from './past-windows.ts';
import { pieceDigest, pieceKey, type AnyPiece } from './piece-text.ts';
import { WordDigest } from './word-digest.ts';

/** Bits of `seen`. */
const FOUND = 1;
const TWICE = 2;

/** Windows' pieces as the last entry of each says. */
export class ExpectedPieces {
  readonly #table = new DigestTable();
  readonly #digest = new WordDigest();
  readonly #of: SliceOf;
  readonly #past: PastWindows;
  readonly #isLookedAt: (piece: AnyPiece, series: Uint8Array) => boolean;
  #partition = 0;
  rows = 0;
  readonly different: RowList<{ slot: number; row: StoredPiece }> = new RowList();
  readonly unexpected: RowList<StoredPiece> = new RowList();
  readonly twice: RowList<{ slot: number; row: StoredPiece }> = new RowList();

  /** `isLookedAt`: nothing is said of others. */
  constructor(
    of: SliceOf,
    params: Readonly<{
      past: PastWindows;
      isLookedAt: (piece: AnyPiece, series: Uint8Array) => boolean;
    }>,
  ) {
    this.#of = of;
    this.#past = params.past;
    this.#isLookedAt = params.isLookedAt;
  }

  get table(): DigestTable {
    return this.#table;
  }

  begin(partition: number): void {
    this.#partition = partition;
  }

  take({ open, finals }: Entries, offset: number): void {
    // In a record, a piece that is final was open before.
    for (const piece of open) this.#expect(piece, false, offset);
    for (const piece of finals) this.#expect(piece, true, offset);
  }

  #expect(piece: Piece, isFinal: boolean, offset: number): void {
    const { slices, slice } = this.#of;
    const { fingerprint } = piece;
    if (this.#past.isDropped(piece.edition) || !this.#isLookedAt(piece, fingerprint)) return;
    const low = Buffer.from(fingerprint.buffer, fingerprint.byteOffset, 8).readUInt32BE(4);
    if (slices > 1 && low % slices !== slice) return;
    const series = fingerprint;
    const key = pieceKey(this.#digest, { piece, series, partition: this.#partition });
    const table = this.#table;
    const slot = table.slotOf(key.high, key.low);
    table.partitions[slot] = this.#partition;
    table.offsets[slot] = offset;
    table.set(slot, pieceDigest(this.#digest, piece, isFinal));
  }

  /** Holds a row against what is expected. `openedFrom`: all that was opened from there is known. */
  compare(row: StoredPiece, openedFrom: number): void {
    if (!this.#isLookedAt(row, row.seriesId) || this.#past.passesOver(row)) return;
    this.rows += 1;
    const { seriesId: series, partition } = row;
    const table = this.#table;
    const key = pieceKey(this.#digest, { piece: row, series, partition });
    const slot = table.find(key.high, key.low);
    if (slot < 0) {
      if (openedAt(row.piece) >= openedFrom) this.unexpected.add(row);
      return;
    }
    if (table.seen[slot] !== 0) {
      table.seen[slot] = TWICE;
      this.twice.add({ slot, row });
      return;
    }
    table.seen[slot] = FOUND;
    if (!table.has(slot, pieceDigest(this.#digest, row, row.isFinal))) {
      this.different.add({ slot, row });
    }
  }

  /** Slots of what has no row, the first put out first. */
  missing(): RowList<number> {
    const { seen, size, partitions, offsets } = this.#table;
    const missing = new RowList<number>();
    for (let slot = 0; slot < size; slot += 1) if (seen[slot] === 0) missing.add(slot);
    missing.kept.sort((a, b) => partitions[a]! - partitions[b]! || offsets[a]! - offsets[b]!);
    return missing;
  }
}
