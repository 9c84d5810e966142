import type { Piece } from '@millrace/model';
import type { DefinitionEntry, HistogramEntry } from '@millrace/wire';
import type { DeepParts } from './deep-parts.ts';
import type { DigestTable } from './digest-table.ts';
import { foldJob } from './fold-job.ts';
import { foldPartition } from './fold-partition.ts';
import { pieceKey } from './piece-text.ts';
import { WordDigest } from './word-digest.ts';

export interface PutOut {
  piece: Piece;
  isFinal: boolean;
}

/** What is wanted of another fold: only digests were kept of the first one. */
interface Wanted {
  /** Slots of pieces. */
  pieces?: Readonly<{ table: DigestTable; slots: ReadonlySet<number> }>;
  /** Slots of definitions. */
  definitions?: Readonly<{ table: DigestTable; slots: ReadonlySet<number> }>;
  /** Those that have such a key, see `histogramKey`. */
  histograms?: ReadonlySet<string>;
}

export interface FoldedAgain {
  /** The last entry of each, by slot. */
  pieces: Map<number, PutOut>;
  definitions: Map<number, DefinitionEntry>;
  /** By key. */
  histograms: Map<string, HistogramEntry>;
}

/** Folds once more, and keeps what is wanted. */
export async function putOutAgain(
  { stream, plan, starts, jobs, settings, signal }: Omit<DeepParts, 'letters' | 'gone'>,
  wanted: Wanted,
): Promise<FoldedAgain> {
  const found: FoldedAgain = { pieces: new Map(), definitions: new Map(), histograms: new Map() };
  const digest = new WordDigest();
  for (const [i, one] of plan.partitions.entries()) {
    const { partition } = one;
    if (!isConcerned(wanted, partition)) continue;
    await foldPartition({
      ...{ stream, plan: one, start: starts[i]!, waitMsMax: settings.logWaitMsMax, signal },
      onEntries: ({ open, finals, definitions, histograms }) => {
        for (const piece of open) takePiece({ found, wanted, digest, partition }, piece, false);
        for (const piece of finals) takePiece({ found, wanted, digest, partition }, piece, true);
        for (const entry of definitions) takeDefinition(found, wanted, entry);
        for (const entry of histograms) takeHistogram(found, wanted, entry);
      },
    });
  }
  const { pieces } = wanted;
  for (const job of pieces === undefined ? [] : jobs) {
    const { partition } = job.plan;
    if (!isConcerned({ pieces: pieces! }, partition)) continue;
    await foldJob(job, {
      ...{ stream, waitMsMax: settings.logWaitMsMax, signal },
      onEntries: ({ finals }) => {
        for (const piece of finals) takePiece({ found, wanted, digest, partition }, piece, true);
      },
    });
  }
  return found;
}

function isConcerned({ pieces, definitions, histograms }: Wanted, partition: number): boolean {
  if ((histograms?.size ?? 0) > 0) return true;
  return [pieces, definitions].some((of) => {
    return (
      of !== undefined && [...of.slots].some((slot) => of.table.partitions[slot] === partition)
    );
  });
}

function takePiece(
  to: Readonly<{ found: FoldedAgain; wanted: Wanted; digest: WordDigest; partition: number }>,
  piece: Piece,
  isFinal: boolean,
): void {
  const { found, wanted, digest, partition } = to;
  if (wanted.pieces === undefined) return;
  const { table, slots } = wanted.pieces;
  const key = pieceKey(digest, { piece, series: piece.fingerprint, partition });
  const slot = table.find(key.high, key.low);
  if (slot >= 0 && slots.has(slot)) found.pieces.set(slot, { piece, isFinal });
}

function takeDefinition(found: FoldedAgain, wanted: Wanted, entry: DefinitionEntry): void {
  if (wanted.definitions === undefined) return;
  const { table, slots } = wanted.definitions;
  const id = Buffer.from(entry.fingerprint);
  const slot = table.find(id.readUInt32BE(0), id.readUInt32BE(4));
  // The first one is what the store has: a second series with this id is refused.
  if (slot >= 0 && slots.has(slot) && !found.definitions.has(slot)) {
    found.definitions.set(slot, entry);
  }
}

function takeHistogram(found: FoldedAgain, wanted: Wanted, entry: HistogramEntry): void {
  if (wanted.histograms === undefined) return;
  const key = histogramKey(entry.fingerprint, entry.timeUs);
  // What came first stays.
  if (wanted.histograms.has(key) && !found.histograms.has(key)) found.histograms.set(key, entry);
}

/** `seriesId`: its first 8 bytes count. */
export function histogramKey(seriesId: Uint8Array, timeUs: number): string {
  return `${Buffer.from(seriesId.subarray(0, 8)).toString('hex')} ${timeUs}`;
}
