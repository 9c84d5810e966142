import type { Piece } from '@millrace/model';
import { compileRules, type RuleFile } from '@millrace/rules';
import { encode } from '@msgpack/msgpack';
import {
  ColumnRoom,
  decodeEventsRecord,
  DEFAULT_FOLD_SETTINGS,
  encodeEventsRecord,
  EntryType,
  EventsRecordKind,
  listEntries,
  SeriesRecordBuilder,
  type AddressedEntry,
  type EventsRecord,
  type FoldSettings,
  type SealedRecord,
} from '@millrace/wire';
import { FOLD_VERSION, PartitionFold } from '../fold/partition-fold.ts';
import { loadPages, newPartitionHead, takePages } from '../fold/partition-state.ts';

/** More than the columns of a test's record take. */
const ROOM_BYTES = 60_000;

export const TEST_LOG_ID = '00112233445566778899aabbccddeeff';

export interface LoggedRecord {
  record: EventsRecord;
  appendTimeUs: number;
}

/** The two records every partition begins with. */
export function logStart(
  rules?: RuleFile,
  settings: Partial<FoldSettings> = {},
  foldVersion: number = FOLD_VERSION,
): LoggedRecord[] {
  const barrier: EventsRecord = {
    kind: EventsRecordKind.barrier,
    number: 1,
    foldVersion,
    settings: { ...DEFAULT_FOLD_SETTINGS, ...settings },
    rules: compileRules(rules),
    after: 0,
    partitions: 1,
  };
  return [
    { record: { kind: EventsRecordKind.log, logId: TEST_LOG_ID }, appendTimeUs: 0 },
    { record: barrier, appendTimeUs: 0 },
  ];
}

/** What one run over a log put out. */
export interface FoldRun {
  entries: AddressedEntry[];
  /** The same as the records they were cut into. */
  sealed: SealedRecord[];
  fold: PartitionFold;
  /** Pages as they were saved last. */
  saved: Map<string, Uint8Array>;
}

interface RunOptions {
  /** Whether to cut a record of entries after this offset. */
  cutAfter?: (offset: number) => boolean;
  /** Whether to save the state after this offset and go on from what was saved. */
  restartAfter?: (offset: number) => boolean;
  recordBytesMax?: number;
  /** Records that are read and folded in one go; left out: one after the other. */
  together?: number;
  /** Pages of a state to go on from: the log is that behind its position. */
  from?: ReadonlyMap<string, Uint8Array>;
}

/** Folds a log, cutting and restarting where it is told to. */
export function runFold(log: readonly LoggedRecord[], options: RunOptions = {}): FoldRun {
  const saved = new Map<string, Uint8Array>(options.from);
  const entries: AddressedEntry[] = [];
  const sealed: SealedRecord[] = [];
  const build = (offset: number): SeriesRecordBuilder =>
    new SeriesRecordBuilder(
      { logId: TEST_LOG_ID, logNumber: 1, source: 'live', foldVersion: FOLD_VERSION },
      { offset, ordinal: 0 },
      options.recordBytesMax ?? 800_000,
    );
  const begin = options.from === undefined ? undefined : loadPages(options.from);
  const first = begin?.head ?? newPartitionHead(TEST_LOG_ID, 1);
  const base = first.position;
  let builder = build(base);
  const room = new ColumnRoom();
  let fold = new PartitionFold(first, begin?.tables, builder);
  const drain = (): void => {
    builder.flush(fold.head.position);
    for (const record of builder.sealed.splice(0)) {
      sealed.push(record);
      entries.push(...listEntries(record.payload));
    }
  };
  const { together = 1, cutAfter, restartAfter } = options;
  for (let next = 0; next < log.length;) {
    let last = next;
    const ends = (): boolean =>
      cutAfter?.(base + last) === true || restartAfter?.(base + last) === true;
    while (last + 1 < Math.min(log.length, next + together) && !ends()) last += 1;
    const offset = base + last;
    applyAll({ fold, room }, log.slice(next, last + 1));
    next = last + 1;
    if (cutAfter?.(offset)) drain();
    if (!restartAfter?.(offset)) continue;
    drain();
    for (const [key, page] of takePages(fold.head, fold.tables)) {
      if (page === undefined) saved.delete(key);
      else saved.set(key, page.slice());
    }
    const { head, tables } = loadPages(saved);
    builder = build(head.position);
    fold = new PartitionFold(head, tables, builder);
  }
  drain();
  return { entries, sealed, fold, saved };
}

/** As a reader does whose memory is used again: nothing may point into it any more. */
function applyAll(
  { fold, room }: Readonly<{ fold: PartitionFold; room: ColumnRoom }>,
  log: readonly LoggedRecord[],
): void {
  const payloads = log.map(({ record }) => encodeEventsRecord(record));
  room.release();
  room.hold();
  const read = payloads.map((payload, i) => {
    return { record: decodeEventsRecord(payload, room), appendTimeUs: log[i]!.appendTimeUs };
  });
  const [first] = read;
  if (read.length > 1) fold.applyAll(read);
  else fold.apply(first!.record, first!.appendTimeUs);
  room.release();
  room.bytes(ROOM_BYTES).fill(0xee);
  for (const payload of payloads) payload.fill(0xee);
}

/** Entries as one string each, address included: equal strings are equal entries. */
export function entryTexts(entries: readonly AddressedEntry[]): string[] {
  return entries.map(({ address, type, value }) =>
    Buffer.from(encode([address.offset, address.ordinal, type, value])).toString('base64'),
  );
}

/** Finals, and what is open in the end: together all that was folded. */
export function foldedPieces({ entries, fold }: FoldRun): Piece[] {
  const finals = entries.filter(({ type }) => type === EntryType.final);
  const { windows } = fold.tables!;
  return [
    ...finals.map(({ value }) => value as Piece),
    ...windows.pieces.used().map((slot) => windows.entry(slot)),
  ];
}

/** The newest revision of every piece put out: finals, and open ones that are not final. */
export function piecesOf(entries: readonly AddressedEntry[]): Piece[] {
  const pieces = new Map<string, Piece>();
  for (const { type, value } of entries) {
    if (type !== EntryType.open && type !== EntryType.final) continue;
    const piece = value as Piece;
    const series = Buffer.from(piece.fingerprint).toString('hex');
    pieces.set([piece.edition, series, piece.widthUs, piece.startUs, piece.piece].join('/'), piece);
  }
  return [...pieces.values()];
}
