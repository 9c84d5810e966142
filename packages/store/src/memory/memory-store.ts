import {
  ADDRESS_ZERO,
  compareAddress,
  fingerprintHex,
  SampleFlag,
  type Piece,
} from '@millrace/model';
import { LIVE_SOURCE, type Entries } from '@millrace/wire';
import { otherLog } from '../other-log.ts';
import type { ApplyResult, MarkKey, Store, StoreBatch, StoredMark } from '../store.ts';
import { MemoryStoreDatabase, type MemoryMark } from './memory-store-database.ts';

export interface MemoryStore extends Store {
  acceptLog(key: MarkKey): Promise<void>;
}

/** A store for unit tests: nothing is refused, nothing expires, every call is one step. */
export function createMemoryStore(
  database: MemoryStoreDatabase = new MemoryStoreDatabase(),
): MemoryStore {
  return {
    marks: async (partition) => newestMarks(database, partition),
    openMark: async (key) => openMark(database, key),
    acceptLog: async (key) => acceptLog(database, key),
    apply: async (batch) => apply(database, batch),
    flushedMarks: async () => {
      const partitions = new Set(database.marks.map(({ partition }) => partition));
      const marks = new Map<number, StoredMark>();
      for (const partition of partitions) {
        const live = newestMarks(database, partition).get(LIVE_SOURCE);
        if (live !== undefined) marks.set(partition, live);
      }
      return marks;
    },
    close: async () => undefined,
  };
}

function newestMarks(database: MemoryStoreDatabase, partition: number): Map<string, StoredMark> {
  const newest = new Map<string, StoredMark>();
  for (const stored of database.marks) {
    const { partition: at, source, logId, logNumber, mark, isOpen, folded } = stored;
    if (at !== partition || (newest.get(source)?.logNumber ?? -1) > logNumber) continue;
    const closed = isOpen ? {} : ({ isClosed: true } as const);
    const last = folded && { folded };
    newest.set(source, { logId, logNumber, mark, ...closed, ...last, ...countedOf(stored) });
  }
  return newest;
}

function countedOf({ position, partitionTimeUs }: MemoryMark): Pick<StoredMark, 'counted'> {
  if (position === undefined || partitionTimeUs === undefined) return {};
  return { counted: { position, partitionTimeUs } };
}

function openMark(database: MemoryStoreDatabase, key: MarkKey): void {
  const known = newestMarks(database, key.partition).get(key.source);
  if (known?.logId === key.logId) return;
  if (known !== undefined) {
    const live = newestMarks(database, key.partition).get(LIVE_SOURCE);
    if (key.source === LIVE_SOURCE || live?.logId !== key.logId) throw otherLog(key, known);
    closeMarks(database, key);
  }
  insertMark(database, key);
}

function acceptLog(database: MemoryStoreDatabase, key: MarkKey): void {
  if (newestMarks(database, key.partition).get(key.source)?.logId === key.logId) return;
  closeMarks(database, key);
  insertMark(database, key);
}

function closeMarks(database: MemoryStoreDatabase, { partition, source }: MarkKey): void {
  for (const mark of database.marks) {
    if (mark.partition === partition && mark.source === source) mark.isOpen = false;
  }
}

function insertMark(database: MemoryStoreDatabase, key: MarkKey): void {
  database.marks.push({
    ...key,
    mark: ADDRESS_ZERO,
    isOpen: true,
    position: undefined,
    partitionTimeUs: undefined,
    watermarkUs: undefined,
  });
}

function apply(database: MemoryStoreDatabase, batch: StoreBatch): ApplyResult {
  const { key } = batch;
  const mark = database.marks.find(
    (one) =>
      one.isOpen &&
      one.logId === key.logId &&
      one.partition === key.partition &&
      one.source === key.source,
  );
  if (mark === undefined || compareAddress(mark.mark, batch.from) !== 0) {
    return { outcome: 'outrun', deadLetters: 0, unverifiedDuplicates: 0 };
  }
  mark.mark = batch.to;
  if (batch.folded !== undefined) mark.folded = batch.folded;
  let unverifiedDuplicates = 0;
  for (const chunk of batch.chunks) {
    applyDefinitions(database, chunk);
    applyEditions(database, key, chunk);
    unverifiedDuplicates += applySamples(database, key, chunk);
    unverifiedDuplicates += applyHistograms(database, key, chunk);
    applyPieces(database, key, chunk);
    database.exemplars.push(...chunk.exemplars);
    const { logId, partition } = key;
    database.unverified.push(...chunk.unverified.map((one) => ({ ...one, partition })));
    database.deadLetters.push(...chunk.deadLetters.map((one) => ({ ...one, logId, partition })));
    applyLedger(database, mark, chunk);
    for (const end of chunk.jobEnds) {
      database.jobEnds.push({ ...end, logId, partition });
      mark.isOpen = false;
    }
  }
  return { outcome: 'applied', deadLetters: 0, unverifiedDuplicates };
}

function applyDefinitions(database: MemoryStoreDatabase, chunk: Entries): void {
  for (const definition of chunk.definitions) {
    const id = idOf(definition.fingerprint);
    const { seenUs } = definition;
    const known = database.definitions.get(id)?.seenUs ?? seenUs;
    database.firstSeen.set(id, Math.min(database.firstSeen.get(id) ?? seenUs, seenUs));
    database.definitions.set(id, { ...definition, seenUs: Math.max(known, seenUs) });
  }
  for (const { tenant, metric, type, unit, help } of chunk.metadata) {
    database.metadata.set(`${tenant} ${metric}`, { tenant, metric, type, unit, help });
  }
  for (const edition of chunk.editions) {
    if (!database.editions.has(edition.edition)) database.editions.set(edition.edition, edition);
    if (edition.candidate !== undefined) continue;
    if (!database.served.has(edition.rule)) database.served.set(edition.rule, edition.edition);
  }
}

function applyEditions(
  database: MemoryStoreDatabase,
  { logId, logNumber, partition }: MarkKey,
  { editions, editionEnds }: Entries,
): void {
  for (const end of editionEnds) {
    database.shown.end(end);
    database.editionEnds.push({ ...end, logId, partition });
  }
  for (const entry of editions) {
    database.shown.begin(entry, partition);
    const { edition, fromPosition, fromPartitionTimeUs, fromLargestTimeUs, partitions } = entry;
    const started = { edition, fromPosition, fromPartitionTimeUs, fromLargestTimeUs, partitions };
    database.editionStarts.push({ ...started, logId, partition });
    // Of rules that were in force before they became a candidate there is no job.
    const { candidate } = database.editions.get(edition) ?? entry;
    if (candidate === undefined || candidate !== entry.candidate) continue;
    const source = `job-${candidate}`;
    if (newestMarks(database, partition).get(source)?.logId === logId) continue;
    closeMarks(database, { logId, logNumber, partition, source });
    insertMark(database, { logId, logNumber, partition, source });
  }
}

function applySamples(database: MemoryStoreDatabase, key: MarkKey, { samples }: Entries): number {
  let duplicates = 0;
  for (let i = 0; i < samples.count; i += 1) {
    const seriesId = idOf(samples.seriesIds.subarray(8 * i));
    const timeUs = samples.times[i]!;
    const flags = samples.flags[i]!;
    const unverified = (flags & SampleFlag.unverified) !== 0;
    const isNew = !database.sampleKeys.has(`${seriesId} ${timeUs}`);
    if (unverified) move(database, key, seriesId, isNew);
    if (unverified && !isNew) {
      duplicates += 1;
      continue;
    }
    const value = (flags & SampleFlag.stale) === 0 ? samples.values[i]! : undefined;
    database.sampleKeys.add(`${seriesId} ${timeUs}`);
    database.samples.push({ seriesId, timeUs, value, unverified });
  }
  return duplicates;
}

function applyHistograms(database: MemoryStoreDatabase, key: MarkKey, chunk: Entries): number {
  let duplicates = 0;
  for (const { fingerprint, timeUs, flags, histogram } of chunk.histograms) {
    const seriesId = idOf(fingerprint);
    const unverified = (flags & SampleFlag.unverified) !== 0;
    const isNew = !database.histogramKeys.has(`${seriesId} ${timeUs}`);
    if (unverified) move(database, key, seriesId, isNew);
    if (unverified && !isNew) {
      duplicates += 1;
      continue;
    }
    const isStale = (flags & SampleFlag.stale) !== 0;
    database.histogramKeys.add(`${seriesId} ${timeUs}`);
    database.histograms.push({
      seriesId,
      timeUs,
      histogram: isStale ? undefined : histogram,
      unverified,
    });
  }
  return duplicates;
}

function move(database: MemoryStoreDatabase, key: MarkKey, seriesId: string, isNew: boolean): void {
  const tenant = database.definitions.get(seriesId)?.tenant ?? '';
  const name = `${key.logId} ${key.partition} ${tenant}`;
  const moves = database.moves.get(name) ?? { stored: 0, duplicate: 0 };
  if (isNew) moves.stored += 1;
  else moves.duplicate += 1;
  database.moves.set(name, moves);
}

function applyPieces(database: MemoryStoreDatabase, key: MarkKey, chunk: Entries): void {
  const { partition } = key;
  for (const piece of [...chunk.finals, ...(chunk.finalColumns?.pieces() ?? [])]) {
    database.open.delete(pieceKey(piece, partition));
    database.finals.push({ ...piece, partition });
  }
  for (const piece of [...chunk.open, ...(chunk.openColumns?.pieces() ?? [])]) {
    database.open.set(pieceKey(piece, partition), { ...piece, partition });
  }
}

function applyLedger(database: MemoryStoreDatabase, mark: MemoryMark, chunk: Entries): void {
  for (const { totals, position, partitionTimeUs, watermarkUs } of chunk.ledger) {
    Object.assign(mark, { position, partitionTimeUs, watermarkUs });
    for (const one of totals) {
      const { partition } = mark;
      database.totals.set(`${mark.logId} ${partition} ${one.tenant}`, { ...one, partition });
    }
  }
}

function idOf(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint.subarray(0, 8)).toString('hex');
}

function pieceKey(piece: Piece, partition: number): string {
  const { edition, widthUs, startUs, piece: life } = piece;
  return [edition, fingerprintHex(piece.fingerprint), widthUs, startUs, partition, life].join(' ');
}
