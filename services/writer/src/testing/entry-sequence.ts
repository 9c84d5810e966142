import { ADDRESS_ZERO, fingerprintOf, pieceName, type Address, type Piece } from '@millrace/model';
import { EntryType, SeriesRecordBuilder, type SealedRecord } from '@millrace/wire';

export const TEST_LOG_ID: string = 'ab'.repeat(16);
export const SERIES: readonly Uint8Array[] = Array.from({ length: 4 }, (_, i) =>
  fingerprintOf('test', [['__name__', `series_${i}`]]),
);

const SAMPLES_PER_OFFSET = 3;
const OFFSETS_PER_WINDOW = 7;
const US = 1_000_000;

/**
 * Records of one and the same sequence of entries, as a transformer puts them out: each offset
 * has samples, a revision of its window's piece, a final when the window ends, and totals. Where
 * the sequence begins, ends and is cut is the caller's choice; what it consists of is not.
 */
export function recordsOf(
  params: Readonly<{
    from?: Address;
    /** Position in the events log behind the last offset. */
    position: number;
    /** Where records are cut at the latest; small values cut inside offsets. */
    recordBytesMax?: number;
    /** Offsets per record at most. */
    offsetsMax?: number;
    logId?: string;
    logNumber?: number;
    source?: string;
    /** Of events; left out: none are told. */
    digestOf?: (offset: number) => string;
  }>,
): SealedRecord[] {
  const { from = ADDRESS_ZERO, position, offsetsMax = 1, recordBytesMax = 1e6 } = params;
  const { logId = TEST_LOG_ID, logNumber = 1, source = 'live' } = params;
  const head = { logId, logNumber, source, foldVersion: 1 };
  const builder = new SeriesRecordBuilder(head, from, recordBytesMax);
  if (params.digestOf !== undefined) builder.digestOf = params.digestOf;
  for (let offset = from.offset; offset < position; offset += 1) {
    const skip = offset === from.offset ? from.ordinal : 0;
    if (skip === 0) builder.begin(offset);
    for (const put of entriesAt(offset, logNumber).slice(skip)) put(builder);
    if ((offset + 1 - from.offset) % offsetsMax === 0) builder.flush(offset + 1);
  }
  builder.flush(position);
  return builder.sealed;
}

/** Samples that the sequence has below a position. */
export function sampleCount(position: number): number {
  return position * SAMPLES_PER_OFFSET;
}

type Put = (builder: SeriesRecordBuilder) => void;

function lanesOf(fingerprint: Uint8Array): Uint32Array {
  return new Uint32Array(fingerprint.slice().buffer);
}

function entriesAt(offset: number, logNumber: number): Put[] {
  const opened = offset - (offset % OFFSETS_PER_WINDOW);
  const puts: Put[] = [];
  for (let i = 0; i < SAMPLES_PER_OFFSET; i += 1) {
    const series = SERIES[(offset + i) % SERIES.length]!;
    const timeUs = (offset * SAMPLES_PER_OFFSET + i) * US;
    puts.push((builder) => builder.sample(lanesOf(series), 0, timeUs, offset + i / 10, 0));
  }
  const piece = pieceOf(logNumber, opened, offset);
  puts.push((builder) => builder.entry(EntryType.open, piece));
  if (offset === opened + OFFSETS_PER_WINDOW - 1) {
    puts.push((builder) => builder.entry(EntryType.final, piece));
  }
  const totals = { ...NO_TOTALS, accepted: sampleCount(offset), stored: sampleCount(offset) };
  const partitionTimeUs = offset * US;
  const ledger = { totals: [totals], partitionTimeUs, watermarkUs: partitionTimeUs };
  puts.push((builder) => builder.entry(EntryType.ledger, { ...ledger, position: offset }));
  return puts;
}

function pieceOf(logNumber: number, opened: number, offset: number): Piece {
  return {
    edition: 1,
    fingerprint: SERIES[0]!,
    widthUs: 60 * US,
    startUs: opened * US,
    piece: pieceName(logNumber, opened),
    count: (offset - opened + 1) * SAMPLES_PER_OFFSET,
    sum: offset,
    marked: false,
  };
}

const NO_TOTALS = {
  tenant: 'test',
  accepted: 0,
  stored: 0,
  duplicate: 0,
  conflict: 0,
  dropped: 0,
  unverified: 0,
  deadLetter: 0,
};
