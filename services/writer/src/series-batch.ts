import { SampleFlag, type Address } from '@millrace/model';
import type { MarkKey, StoreBatch } from '@millrace/store';
import {
  emptyEntries,
  PieceColumns,
  type Entries,
  type FoldedEvent,
  type SeriesRecord,
} from '@millrace/wire';
import { isSameKey } from './cursors.ts';
import { PieceSet } from './piece-set.ts';
import { NO_SAMPLES, type SampleRoom } from './sample-room.ts';
import type { WriterSettings } from './settings.ts';

/** Contiguous records of one source, collected for one transaction. */
export interface SeriesBatch {
  key: MarkKey;
  /** Whether the store had a mark for the key when it was asked. */
  hasMark: boolean;
  from: Address;
  to: Address;
  /** The newest event that its records tell. */
  folded: FoldedEvent | undefined;
  samples: SampleRoom;
  pieces: { open: PieceColumns; finals: PieceColumns };
  /** All that is neither a sample nor a piece. */
  chunks: Entries[];
  records: number;
  bytes: number;
  entries: number;
  /** Of those, the ones that are no samples; each as often as it weighs. */
  objects: number;
  /** Position behind its last record, and behind records after it that had nothing new. */
  position: number;
  /** When the log took its first record. */
  appendTimeUs: number;
  /** Time of its newest sample; -Infinity when it has none. */
  newestUs: number;
  /** The store has to look for some of its samples. */
  hasUnverified: boolean;
}

/**
 * A record of the log, decoded from the address on that was still missing. Its samples are copied
 * into a batch that it is added to.
 */
export interface DecodedRecord {
  key: MarkKey;
  hasMark: boolean;
  from: Address;
  record: SeriesRecord;
  bytes: number;
  offset: number;
  appendTimeUs: number;
}

/** `samples`: an empty room. */
export function batchOf(decoded: DecodedRecord, samples: SampleRoom): SeriesBatch {
  const { key, hasMark, from, record, offset, appendTimeUs } = decoded;
  const batch: SeriesBatch = {
    ...{ key, hasMark, from, to: record.to, folded: undefined, samples, appendTimeUs },
    pieces: { open: new PieceColumns(), finals: new PieceColumns() },
    chunks: [],
    ...{ records: 0, bytes: 0, entries: 0, objects: 0, position: offset },
    ...{ newestUs: -Infinity, hasUnverified: false },
  };
  append(batch, decoded);
  return batch;
}

type Bounds = Pick<
  WriterSettings,
  'batchRecordsMax' | 'batchBytesMax' | 'batchEntriesMax' | 'batchObjectsMax'
>;

/** Adds the record that follows; false when it belongs into a transaction of its own. */
export function addToBatch(
  batch: SeriesBatch,
  decoded: DecodedRecord,
  bounds: Bounds,
  shareMax = 1,
): boolean {
  if (!fitsBatch(batch, decoded, bounds, shareMax)) return false;
  append(batch, decoded);
  return true;
}

function append(batch: SeriesBatch, { record, bytes, offset }: DecodedRecord): void {
  const { entries, to, folded } = record;
  batch.samples.add(entries.samples);
  addPieces(batch.pieces, entries);
  batch.chunks.push(...othersOf(entries));
  batch.to = to;
  batch.folded = folded ?? batch.folded;
  batch.records += 1;
  batch.bytes += bytes;
  batch.entries += countEntries(entries);
  batch.objects += weighObjects(entries);
  batch.position = offset + 1;
  batch.newestUs = Math.max(batch.newestUs, newestOf(entries));
  batch.hasUnverified ||= hasUnverified(entries);
}

/** Whether the record that follows may be in the same transaction. */
export function fitsBatch(
  batch: SeriesBatch,
  { record, bytes }: DecodedRecord,
  bounds: Bounds,
  /** How often the bounds fit; that of objects once. */
  shareMax: number,
): boolean {
  if (!isSameKey(batch.key, record)) return false;
  // To look for each of very many costs more than long rows save.
  const share = hasUnverified(record.entries) ? 1 : shareMax;
  const objects = weighObjects(record.entries);
  return (
    batch.records < share * bounds.batchRecordsMax &&
    batch.bytes + bytes <= share * bounds.batchBytesMax &&
    batch.entries + countEntries(record.entries) <= share * bounds.batchEntriesMax &&
    (objects === 0 || batch.objects + objects <= bounds.batchObjectsMax)
  );
}

function newestOf({ samples: { count, times } }: Entries): number {
  let newest = -Infinity;
  for (let i = 0; i < count; i += 1) if (times[i]! > newest) newest = times[i]!;
  return newest;
}

function hasUnverified({ samples: { count, flags } }: Entries): boolean {
  for (let i = 0; i < count; i += 1) if ((flags[i]! & SampleFlag.unverified) !== 0) return true;
  return false;
}

/** What the store applies: of each open piece only what is left of it after the last record. */
export function storeBatchOf(batch: SeriesBatch): StoreBatch {
  const { key, from, to, folded, pieces } = batch;
  const columns = {
    ...{ ...emptyEntries(), samples: batch.samples.columns },
    ...{ openColumns: coalesce(pieces.open, pieces.finals), finalColumns: pieces.finals },
  };
  // Behind the definitions, which a sample's series may have among them.
  return { key, from, to, folded, chunks: [...batch.chunks, columns] };
}

/**
 * Copies the pieces of a record behind those of a batch. To hold what each record has of them until
 * the store puts it together takes twice the memory, in many parts that the C library keeps.
 */
function addPieces(pieces: SeriesBatch['pieces'], entries: Entries): void {
  for (const piece of entries.open) pieces.open.add(piece);
  if (entries.openColumns !== undefined) pieces.open.append(entries.openColumns, 0);
  for (const piece of entries.finals) pieces.finals.add(piece);
  if (entries.finalColumns !== undefined) pieces.finals.append(entries.finalColumns, 0);
}

/** All that is neither a sample nor a piece; of a backlog very many records have nothing else. */
function othersOf(entries: Entries): Entries[] {
  const others = { ...entries, open: [], finals: [], samples: NO_SAMPLES };
  delete others.openColumns;
  delete others.finalColumns;
  if (countObjects(others) === 0) return [];
  // Those few that records of samples have would each hold the bytes of a whole record.
  const definitions = entries.definitions.map(({ fingerprint, ...definition }) => ({
    ...definition,
    fingerprint: fingerprint.slice(),
  }));
  return [{ ...others, definitions }];
}

/** Whether what is left of it without its samples shares memory with the record. */
export function sharesBytes(entries: Entries): boolean {
  const { ledger, definitions } = entries;
  const ownsBytes = countObjects(entries) === ledger.length + definitions.length;
  return !ownsBytes || columnsOf(entries).some(({ sketchCount }) => sketchCount > 0);
}

/**
 * Open pieces without every revision that a later one replaces, and without every one of a piece
 * that is among final ones: the store would write and overwrite them in the same transaction.
 */
export function coalesce(open: PieceColumns, finals: PieceColumns): PieceColumns {
  if (open.count === 0) return open;
  const last = new PieceSet(open);
  for (let at = open.count - 1; at >= 0; at -= 1) last.add(at);
  // Of final pieces there may be very many, and of open ones few: those are looked for in these.
  last.leaveOut(finals);
  const places = last.places();
  return places.length === open.count ? open : open.selected(places);
}

/** Rows that a chunk may become. */
export function countEntries(entries: Entries): number {
  return entries.samples.count + countObjects(entries) + countColumns(entries);
}

/** A definition has an object for each of its labels: it takes as much as so many others. */
const DEFINITION_WEIGHT = 4;
/**
 * Pieces that are no objects take 122 bytes, so that half a million are 60 MB: windows of a million
 * series begin and end together, and a batch that they fill has few samples of each.
 */
const COLUMN_WEIGHT = 1 / 32;

function weighObjects(entries: Entries): number {
  const { definitions, openColumns } = entries;
  const ofDefinitions = (DEFINITION_WEIGHT - 1) * definitions.length;
  // What an open piece has beside numbers comes again and again, and is an object of its own.
  const ofSketches = openColumns?.sketchCount ?? 0;
  const ofColumns = COLUMN_WEIGHT * countColumns(entries);
  return countObjects(entries) + ofDefinitions + ofSketches + ofColumns;
}

function countObjects(entries: Entries): number {
  let count = 0;
  for (const list of Object.values(entries)) if (Array.isArray(list)) count += list.length;
  return count;
}

/** Pieces that are no objects. */
function countColumns(entries: Entries): number {
  return columnsOf(entries).reduce((sum, { count }) => sum + count, 0);
}

function columnsOf({ openColumns, finalColumns }: Entries): PieceColumns[] {
  return [openColumns, finalColumns].filter((columns) => columns !== undefined);
}
