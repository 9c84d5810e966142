import { compareAddress, type Address } from '@millrace/model';
import {
  arrayField,
  bytesColumn,
  corruptRecord,
  countField,
  decodeFields,
  float64Column,
  stringField,
  uint32Column,
  unknownVersion,
} from '../fields/columns.ts';
import { ENTRY_LISTS, ROW_CODECS, type RowEntryType } from './entry-codec.ts';
import { onlyZeros } from '../fields/folded-columns.ts';
import { PieceColumns } from './piece-columns.ts';
import { readSeriesFields } from './series-fields.ts';
import {
  EntryType,
  FIRST_SERIES_RECORD_VERSION,
  lastFolded,
  SERIES_RECORD_VERSION,
  type Entries,
  type SampleColumns,
  type SeriesRecord,
  type SeriesRecordHeader,
} from './series-record.ts';

/*
 * A record is one MessagePack array, the version first:
 *
 *   [2, log id bin16, log number, source, fold version,
 *    from offset, from ordinal, to offset, to ordinal,
 *    runs u32[]            (type, count, offset − from offset, first ordinal) of every stretch of
 *                          entries of one type, in the order of their addresses,
 *    series ids 8 B each, times f64[], values f64[], flags u8[]    of all raw samples,
 *    rows                  [[type, [row, …]], …] all other entries, in order within each type,
 *    time counts u32[]     how many samples in a row have each of the times (empty: one each),
 *    digest bin16          of the last event behind its entries; left out where it is not known]
 *
 * Runs give every entry its address, so that a reader can start at any address inside. Flags are
 * empty when all of them are 0. So a sample takes 16 bytes where many in a row have one time, as
 * those of one scrape do. The first version has no time counts and folds no flags.
 */

/** Number of values of one run in the runs column. */
export const RUN_FIELDS = 4;
const DIGEST_FIELD = 16;
const DIGEST_BYTES = 16;

/** The first fields alone: cheap, for skipping records below a mark. */
export function decodeSeriesRecordHeader(bytes: Uint8Array): SeriesRecordHeader {
  return headerOf(fieldsOf(bytes));
}

/** Reads a record; entries with addresses below `from` are left out. */
export function decodeSeriesRecord(bytes: Uint8Array, from?: Address): SeriesRecord {
  const fields = fieldsOf(bytes);
  return recordOf(fields, from);
}

/** The same, with pieces as columns: `openColumns` has those of `open`, `finalColumns` the others. */
export function decodeSeriesRecordColumns(bytes: Uint8Array, from?: Address): SeriesRecord {
  return recordOf(checkedVersion(readSeriesFields(bytes)), from);
}

function recordOf(fields: unknown[], from: Address | undefined): SeriesRecord {
  const header = headerOf(fields);
  const skip = countBelow(runsOf(fields, header), header.from, from ?? header.from);
  return { ...header, entries: entriesOf(fields, skip) };
}

/** One entry with its address, for tools and tests. */
export interface AddressedEntry {
  address: Address;
  type: EntryType;
  /** The entry as one value; a raw sample as [series id bytes, time µs, value, flags]. */
  value: unknown;
}

/** Every entry of a record in the order of the addresses. */
export function listEntries(bytes: Uint8Array): AddressedEntry[] {
  const fields = fieldsOf(bytes);
  const header = headerOf(fields);
  const { from } = header;
  const entries = entriesOf(fields, new Map());
  const runs = runsOf(fields, header);
  const taken = new Map<number, number>();
  const list: AddressedEntry[] = [];
  for (let r = 0; r < runs.length; r += RUN_FIELDS) {
    const type = runs[r] as EntryType;
    for (let i = 0; i < runs[r + 1]!; i += 1) {
      const nth = taken.get(type) ?? 0;
      taken.set(type, nth + 1);
      const address = { offset: from.offset + runs[r + 2]!, ordinal: runs[r + 3]! + i };
      list.push({ address, type, value: entryAt(entries, type, nth) });
    }
  }
  return list;
}

function entryAt(entries: Entries, type: EntryType, nth: number): unknown {
  if (type !== EntryType.sample) return entries[ENTRY_LISTS[type]][nth];
  const { seriesIds, times, values, flags } = entries.samples;
  return [seriesIds.slice(nth * 8, nth * 8 + 8), times[nth], values[nth], flags[nth]];
}

function fieldsOf(bytes: Uint8Array): unknown[] {
  return checkedVersion(decodeFields(bytes));
}

function checkedVersion(fields: unknown[]): unknown[] {
  if (fields[0] !== SERIES_RECORD_VERSION && fields[0] !== FIRST_SERIES_RECORD_VERSION) {
    throw unknownVersion('metrics.series', fields[0], SERIES_RECORD_VERSION);
  }
  return fields;
}

function headerOf(fields: unknown[]): SeriesRecordHeader {
  const to = {
    offset: countField(fields[7], 'to offset'),
    ordinal: countField(fields[8], 'to ordinal'),
  };
  const digest = digestOf(fields);
  return {
    logId: Buffer.from(bytesColumn(fields[1], 'log id')).toString('hex'),
    logNumber: countField(fields[2], 'log number'),
    source: stringField(fields[3], 'source'),
    foldVersion: countField(fields[4], 'fold version'),
    from: {
      offset: countField(fields[5], 'from offset'),
      ordinal: countField(fields[6], 'from ordinal'),
    },
    to,
    ...(digest === undefined ? {} : { folded: { offset: lastFolded(to), digest } }),
  };
}

function digestOf(fields: unknown[]): string | undefined {
  if (fields[0] === FIRST_SERIES_RECORD_VERSION || fields.length <= DIGEST_FIELD) return undefined;
  const digest = bytesColumn(fields[DIGEST_FIELD], 'digest');
  if (digest.length !== DIGEST_BYTES) throw corruptRecord('its digest has not 16 bytes');
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('hex');
}

/**
 * The runs, when they are what a builder makes: addresses in [from, to) that rise without a gap
 * within an offset, of exactly the entries that are there. Whoever starts at an address would
 * otherwise skip too many, or make as many as a run claims.
 */
function runsOf(fields: unknown[], { from, to }: SeriesRecordHeader): Uint32Array {
  const runs = uint32Column(fields[9], 'runs');
  if (runs.length % RUN_FIELDS !== 0) throw corruptRecord('its last run is cut off');
  const claimed = new Map<number, number>();
  let next = from;
  for (let r = 0; r < runs.length; r += RUN_FIELDS) {
    const [type, count, back, ordinal] = [runs[r]!, runs[r + 1]!, runs[r + 2]!, runs[r + 3]!];
    const offset = from.offset + back;
    const expected = offset === next.offset ? next.ordinal : 0;
    if (offset < next.offset || ordinal !== expected || count === 0) {
      throw corruptRecord('its runs do not follow one another');
    }
    next = { offset, ordinal: ordinal + count };
    claimed.set(type, (claimed.get(type) ?? 0) + count);
  }
  const end = runs.length === 0 ? from : next;
  if (compareAddress(end, to) > 0) throw corruptRecord('its runs go beyond its end');
  const isWhole = [...countsOf(fields)].every(([type, count]) => {
    const isSame = (claimed.get(type) ?? 0) === count;
    claimed.delete(type);
    return isSame;
  });
  if (!isWhole || claimed.size > 0) throw corruptRecord('its runs do not fit its entries');
  return runs;
}

/** How many entries of each type are there. */
function countsOf(fields: unknown[]): Map<number, number> {
  const counts = new Map<number, number>();
  counts.set(EntryType.sample, bytesColumn(fields[12], 'values').length / 8);
  for (const group of arrayField(fields[14], 'rows')) {
    const [type, rows] = arrayField(group, 'rows of a type');
    if (typeof type !== 'number' || counts.has(type)) {
      throw corruptRecord(`entries of type ${String(type)} are there twice`);
    }
    const isColumns = rows instanceof PieceColumns;
    counts.set(type, isColumns ? rows.count : arrayField(rows, 'rows').length);
  }
  return counts;
}

/** For each type, how many of its first entries lie below `mark`. */
function countBelow(runs: Uint32Array, base: Address, mark: Address): Map<number, number> {
  const skip = new Map<number, number>();
  if (compareAddress(mark, base) <= 0) return skip;
  for (let r = 0; r < runs.length; r += RUN_FIELDS) {
    const offset = base.offset + runs[r + 2]!;
    if (offset > mark.offset) break;
    const within = offset < mark.offset ? runs[r + 1]! : mark.ordinal - runs[r + 3]!;
    if (within <= 0) break;
    const type = runs[r]!;
    skip.set(type, (skip.get(type) ?? 0) + Math.min(within, runs[r + 1]!));
  }
  return skip;
}

function entriesOf(fields: unknown[], skip: ReadonlyMap<number, number>): Entries {
  const entries = emptyEntries(samplesOf(fields, skip.get(EntryType.sample) ?? 0));
  for (const group of arrayField(fields[14], 'rows')) {
    const [type, rows] = arrayField(group, 'rows of a type');
    if (!(Number(type) in ROW_CODECS)) throw corruptRecord(`unknown entry type ${String(type)}`);
    const rowType = Number(type) as RowEntryType;
    if (rows instanceof PieceColumns) {
      const list = rowType === EntryType.open ? 'openColumns' : 'finalColumns';
      entries[list] = rowsFrom(rows, skip.get(rowType) ?? 0);
      continue;
    }
    const list = entries[ENTRY_LISTS[rowType]] as unknown[];
    for (const row of arrayField(rows, 'rows').slice(skip.get(rowType) ?? 0)) {
      list.push(ROW_CODECS[rowType].fromRow(arrayField(row, 'a row')));
    }
  }
  return entries;
}

function rowsFrom(pieces: PieceColumns, skip: number): PieceColumns {
  if (skip === 0) return pieces;
  const rest = new PieceColumns(Math.max(0, pieces.count - skip));
  rest.append(pieces, skip);
  return rest;
}

function samplesOf(fields: unknown[], skip: number): SampleColumns {
  const seriesIds = bytesColumn(fields[10], 'series ids');
  const values = float64Column(fields[12], 'values');
  const count = values.length;
  const times = timesOf(fields, count);
  const flags = flagsOf(fields, count);
  if (seriesIds.length !== 8 * count || times.length !== count || flags.length !== count) {
    throw corruptRecord('its sample columns do not fit one another');
  }
  return {
    count: Math.max(0, count - skip),
    seriesIds: seriesIds.subarray(skip * 8),
    times: times.subarray(skip),
    values: values.subarray(skip),
    flags: flags.subarray(skip),
  };
}

function timesOf(fields: unknown[], count: number): Float64Array {
  const times = float64Column(fields[11], 'times');
  if (fields[0] === FIRST_SERIES_RECORD_VERSION) return times;
  const counts = uint32Column(fields[15], 'time counts');
  if (counts.length === 0) return times;
  // Before anything is made by them.
  if (counts.length !== times.length || counts.reduce((sum, n) => sum + n, 0) !== count) {
    throw corruptRecord('its times do not fit its samples');
  }
  const all = new Float64Array(count);
  let at = 0;
  for (let i = 0; i < counts.length; i += 1) all.fill(times[i]!, at, (at += counts[i]!));
  return all;
}

function flagsOf(fields: unknown[], count: number): Uint8Array {
  const flags = bytesColumn(fields[13], 'flags');
  const isFolded = flags.length === 0 && fields[0] !== FIRST_SERIES_RECORD_VERSION;
  return isFolded ? onlyZeros(count) : flags;
}

/** No entries but the given samples. */
export function emptyEntries(samples: SampleColumns = NO_SAMPLES): Entries {
  return {
    samples,
    histograms: [],
    definitions: [],
    open: [],
    finals: [],
    unverified: [],
    deadLetters: [],
    ledger: [],
    exemplars: [],
    metadata: [],
    editions: [],
    editionEnds: [],
    jobEnds: [],
  };
}

const NO_SAMPLES: SampleColumns = {
  count: 0,
  seriesIds: new Uint8Array(0),
  times: new Float64Array(0),
  values: new Float64Array(0),
  flags: new Uint8Array(0),
};
