import { compareAddress, type Address } from '@millrace/model';
import {
  arrayField,
  bytesColumn,
  corruptRecord,
  decodeFields,
  float64Column,
  numberField,
  stringField,
  uint32Column,
  unknownVersion,
} from './columns.ts';
import { ENTRY_LISTS, ROW_CODECS, type RowEntryType } from './entry-codec.ts';
import {
  EntryType,
  SERIES_RECORD_VERSION,
  type Entries,
  type SampleColumns,
  type SeriesRecord,
  type SeriesRecordHeader,
} from './series-record.ts';

/*
 * A record is one MessagePack array, the version first:
 *
 *   [1, log id bin16, log number, source, fold version,
 *    from offset, from ordinal, to offset, to ordinal,
 *    runs u32[]            (type, count, offset − from offset, first ordinal) of every stretch of
 *                          entries of one type, in the order of their addresses,
 *    series ids 8 B each, times f64[], values f64[], flags u8[]    of all raw samples,
 *    rows                  [[type, [row, …]], …] all other entries, in order within each type]
 *
 * Runs give every entry its address, so that a reader can start at any address inside.
 */

/** Number of values of one run in the runs column. */
export const RUN_FIELDS = 4;

/** The first fields alone: cheap, for skipping records below a mark. */
export function decodeSeriesRecordHeader(bytes: Uint8Array): SeriesRecordHeader {
  return headerOf(fieldsOf(bytes));
}

/** Reads a record; entries with addresses below `from` are left out. */
export function decodeSeriesRecord(bytes: Uint8Array, from?: Address): SeriesRecord {
  const fields = fieldsOf(bytes);
  const header = headerOf(fields);
  const runs = uint32Column(fields[9], 'runs');
  const skip = countBelow(runs, header.from, from ?? header.from);
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
  const { from } = headerOf(fields);
  const entries = entriesOf(fields, new Map());
  const runs = uint32Column(fields[9], 'runs');
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
  const fields = decodeFields(bytes);
  if (fields[0] !== SERIES_RECORD_VERSION) {
    throw unknownVersion('metrics.series', fields[0], SERIES_RECORD_VERSION);
  }
  return fields;
}

function headerOf(fields: unknown[]): SeriesRecordHeader {
  return {
    logId: Buffer.from(bytesColumn(fields[1], 'log id')).toString('hex'),
    logNumber: numberField(fields[2], 'log number'),
    source: stringField(fields[3], 'source'),
    foldVersion: numberField(fields[4], 'fold version'),
    from: {
      offset: numberField(fields[5], 'from offset'),
      ordinal: numberField(fields[6], 'from ordinal'),
    },
    to: {
      offset: numberField(fields[7], 'to offset'),
      ordinal: numberField(fields[8], 'to ordinal'),
    },
  };
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
    const list = entries[ENTRY_LISTS[rowType]] as unknown[];
    for (const row of arrayField(rows, 'rows').slice(skip.get(rowType) ?? 0)) {
      list.push(ROW_CODECS[rowType].fromRow(arrayField(row, 'a row')));
    }
  }
  return entries;
}

function samplesOf(fields: unknown[], skip: number): SampleColumns {
  const seriesIds = bytesColumn(fields[10], 'series ids');
  const times = float64Column(fields[11], 'times');
  const values = float64Column(fields[12], 'values');
  const flags = bytesColumn(fields[13], 'flags');
  const count = values.length;
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
  };
}

const NO_SAMPLES: SampleColumns = {
  count: 0,
  seriesIds: new Uint8Array(0),
  times: new Float64Array(0),
  values: new Float64Array(0),
  flags: new Uint8Array(0),
};
