import { SampleFlag, type Piece } from '@millrace/model';
import { emptyEntries, PieceColumns, type Entries } from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { SampleRoom } from './sample-room.ts';
import {
  addToBatch,
  batchOf as batchIn,
  coalesce,
  storeBatchOf,
  type DecodedRecord,
  type SeriesBatch,
} from './series-batch.ts';

/** What the store has of pieces after some transactions. */
function applyAll(transactions: readonly (readonly Entries[])[]): unknown {
  const open = new Map<string, Piece>();
  const finals: Piece[] = [];
  for (const chunks of transactions) {
    // As a store does it: all open pieces of the transaction, then all finals.
    for (const chunk of chunks) for (const piece of openOf(chunk)) open.set(keyOf(piece), piece);
    for (const chunk of chunks) {
      for (const piece of finalsOf(chunk)) {
        finals.push(piece);
        open.delete(keyOf(piece));
      }
    }
  }
  return { open: [...open].toSorted(([a], [b]) => (a < b ? -1 : 1)), finals };
}

const openOf = ({ open, openColumns }: Entries): Piece[] => [
  ...open,
  ...(openColumns?.pieces() ?? []),
];
const finalsOf = ({ finals, finalColumns }: Entries): Piece[] => [
  ...finals,
  ...(finalColumns?.pieces() ?? []),
];

/** A list as objects, as columns, or the first so many as objects and the rest as columns. */
const forms: Record<string, (pieces: readonly Piece[]) => [Piece[], PieceColumns | undefined]> = {
  objects: (pieces) => [[...pieces], undefined],
  columns: (pieces) => [[], PieceColumns.of(pieces)],
  both: (pieces) => [pieces.slice(0, 1), PieceColumns.of(pieces.slice(1))],
};

/** A chunk with these pieces in some form. */
function chunkOf(
  steps: readonly Readonly<{ piece: Piece; final: boolean }>[],
  [ofOpen, ofFinals]: readonly [open: string, finals: string],
): Entries {
  const some = (isFinal: boolean) =>
    steps.filter(({ final }) => final === isFinal).map(({ piece }) => piece);
  const [open, openColumns] = forms[ofOpen]!(some(false));
  const [finals, finalColumns] = forms[ofFinals]!(some(true));
  return {
    ...{ ...emptyEntries(), open, finals },
    ...(openColumns === undefined ? {} : { openColumns }),
    ...(finalColumns === undefined ? {} : { finalColumns }),
  };
}

const form = fc.constantFrom(...Object.keys(forms));
const formsOfChunk = fc.infiniteStream(fc.tuple(form, form));
const nextOf = <T>(stream: Iterator<T>): T => stream.next().value as T;

const keyOf = (piece: Piece): string =>
  JSON.stringify([
    piece.edition,
    Buffer.from(piece.fingerprint).toString('hex'),
    piece.widthUs,
    piece.startUs,
    piece.piece,
  ]);

/** Revisions and finals of few pieces, so that keys collide; a final piece never comes again. */
const history = fc
  .array(
    fc.record({
      edition: fc.nat(1),
      series: fc.nat(1),
      width: fc.constantFrom(60, 300),
      start: fc.nat(1),
      life: fc.nat(2),
      final: fc.boolean(),
    }),
    { maxLength: 60 },
  )
  .map((steps) => {
    const over = new Set<string>();
    return steps.flatMap((step, i) => {
      const piece: Piece = {
        edition: step.edition,
        fingerprint: new Uint8Array(16).fill(0xf0 + step.series),
        widthUs: step.width,
        startUs: step.start,
        piece: step.life,
        count: i,
        marked: false,
      };
      if (over.has(keyOf(piece))) return [];
      if (step.final) over.add(keyOf(piece));
      return [{ piece, final: step.final }];
    });
  });

/** What is left of the open pieces, found in the simplest way. */
function coalescedByTexts(chunks: readonly Entries[]): Piece[] {
  const gone = new Set(chunks.flatMap(finalsOf).map(keyOf));
  const all = chunks.flatMap(openOf);
  const last = new Map(all.map((piece) => [keyOf(piece), piece]));
  return all.filter((piece) => !gone.has(keyOf(piece)) && last.get(keyOf(piece)) === piece);
}

/** Cuts a history into chunks, and the chunks into transactions. */
const cuts = fc.tuple(history, fc.infiniteStream(fc.nat(3)), fc.infiniteStream(fc.nat(3)));

describe('the pieces of a batch', () => {
  it('are never other ones in the store in the end', () => {
    fc.assert(
      fc.property(cuts, formsOfChunk, ([steps, chunkLengths, batchLengths], ofChunk) => {
        const chunks = split(steps, chunkLengths).map((part) => chunkOf(part, nextOf(ofChunk)));
        const expected = applyAll(chunks.map((chunk) => [chunk]));
        const transactions = split(chunks, batchLengths).map(collected);
        expect(applyAll(transactions)).toEqual(expected);
      }),
    );
  });

  it('are the last revision of each open one, none of a final one, and all final ones', () => {
    fc.assert(
      fc.property(cuts, formsOfChunk, ([steps, lengths], ofChunk) => {
        const chunks = split(steps, lengths).map((part, i) => ({
          ...chunkOf(part, nextOf(ofChunk)),
          metadata: [{ tenant: 'a', metric: `m${i}`, type: 'gauge', help: '', unit: '' }],
        }));
        const kept = collected(chunks);
        const counts = ({ count }: Piece) => count;
        const open = kept.flatMap(openOf);
        expect(open.map(counts)).toEqual(coalescedByTexts(chunks).map(counts));
        expect(new Set(open.map(keyOf)).size).toBe(open.length);
        expect(kept.flatMap(finalsOf)).toEqual(chunks.flatMap(finalsOf));
        // All else stays as it is, and is there once.
        const none = { open: [], finals: [] };
        const columns = { openColumns: undefined, finalColumns: undefined };
        const others = (chunk: Entries) => ({ ...chunk, ...none, ...columns });
        const expected = chunks.length > 0 ? [...chunks, emptyEntries()] : [];
        const empty = { samples: emptyEntries().samples };
        expect(kept.map((chunk) => ({ ...others(chunk), ...empty }))).toEqual(
          expected.map((chunk) => ({ ...others(chunk), ...empty })),
        );
      }),
    );
  });

  it('become no objects where they are in columns', () => {
    const made = vi.spyOn(PieceColumns.prototype, 'pieceAt');
    fc.assert(
      fc.property(cuts, ([steps, lengths]) => {
        collected(split(steps, lengths).map((part) => chunkOf(part, ['columns', 'columns'])));
      }),
    );
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });

  it('are not copied once more when nothing of them is replaced', () => {
    const open = PieceColumns.of([PIECE]);
    expect(coalesce(open, new PieceColumns())).toBe(open);
    const nothing = new PieceColumns();
    expect(coalesce(nothing, open)).toBe(nothing);
  });
});

const KEY = { logId: 'a', logNumber: 1, partition: 0, source: 'live' };

function recordOf(offset: number, change: Partial<Entries>): DecodedRecord {
  const [from, to] = [
    { offset, ordinal: 0 },
    { offset: offset + 1, ordinal: 0 },
  ];
  const record = { ...KEY, foldVersion: 2, from, to, entries: { ...emptyEntries(), ...change } };
  return { key: KEY, hasMark: true, from, record, bytes: 10, offset, appendTimeUs: 0 };
}

/** What the store is given of records with these entries, in one batch. */
function collected(chunks: readonly Entries[]): readonly Entries[] {
  if (chunks.length === 0) return [];
  const [first, ...others] = chunks.map((chunk, offset) => recordOf(offset, chunk));
  const batch = batchIn(first!, new SampleRoom());
  for (const record of others) expect(addToBatch(batch, record, UNBOUNDED)).toBe(true);
  return storeBatchOf(batch).chunks;
}

const UNBOUNDED = {
  ...{ batchRecordsMax: Infinity, batchBytesMax: Infinity },
  ...{ batchEntriesMax: Infinity, batchObjectsMax: Infinity },
};

function split<T>(items: readonly T[], lengths: Iterator<number>): T[][] {
  const parts: T[][] = [];
  let at = 0;
  while (at < items.length) {
    const length = 1 + (lengths.next().value as number);
    parts.push(items.slice(at, at + length));
    at += length;
  }
  return parts;
}

describe('a batch', () => {
  const batchOf = (record: DecodedRecord): SeriesBatch => batchIn(record, new SampleRoom());
  const metadata = (n: number): Partial<Entries> => ({
    metadata: Array.from({ length: n }, () => {
      return { tenant: 'a', metric: 'm', type: 'gauge', help: '', unit: '' };
    }),
  });
  const samples = (count: number, flags = 0): Partial<Entries> => ({
    samples: {
      ...emptyEntries().samples,
      count,
      times: new Float64Array(count).fill(7),
      flags: new Uint8Array(count).fill(flags),
    },
  });
  const columns = (n: number, piece: Piece = PIECE): PieceColumns =>
    PieceColumns.of(Array.from({ length: n }, () => piece));
  const bounds = {
    ...{ batchRecordsMax: 9, batchBytesMax: 1000, batchEntriesMax: 100, batchObjectsMax: 10 },
  };

  it('takes many samples, and few of what is many times as large while it waits', () => {
    const batch = batchOf(recordOf(0, metadata(6)));
    expect(addToBatch(batch, recordOf(1, metadata(5)), bounds)).toBe(false);
    expect(addToBatch(batch, recordOf(1, metadata(4)), bounds)).toBe(true);
    expect(addToBatch(batch, recordOf(2, samples(90)), bounds)).toBe(true);
    expect(addToBatch(batch, recordOf(3, samples(1)), bounds)).toBe(false);
    expect(batch).toMatchObject({ entries: 100, objects: 10, records: 3 });
    // Where more are taken, objects are not.
    expect(addToBatch(batch, recordOf(3, samples(50)), bounds, 2)).toBe(true);
    expect(addToBatch(batch, recordOf(4, metadata(1)), bounds, 2)).toBe(false);
    expect(addToBatch(batch, recordOf(4, samples(51)), bounds, 2)).toBe(false);
    // Nor are samples of which the store has to look for each.
    const unverified = recordOf(4, samples(1, SampleFlag.unverified));
    expect(addToBatch(batch, unverified, bounds, 2)).toBe(false);
    // By itself a record is never too large.
    expect(addToBatch(batchOf(recordOf(0, metadata(50))), recordOf(1, samples(1)), bounds)).toBe(
      true,
    );
  });

  it.each(['openColumns', 'finalColumns'])('takes more of pieces that are %s', (list) => {
    const batch = batchOf(recordOf(0, metadata(9)));
    expect(addToBatch(batch, recordOf(1, { [list]: columns(33) }), bounds)).toBe(false);
    expect(addToBatch(batch, recordOf(1, { [list]: columns(32) }), bounds)).toBe(true);
    expect(batch).toMatchObject({ entries: 41, objects: 10 });
  });

  it('takes no more of open pieces that have objects', () => {
    const batch = batchOf(recordOf(0, metadata(8)));
    const sketched = { ...PIECE, distinct: new Uint8Array(3) };
    const two = recordOf(1, { openColumns: columns(2, sketched) });
    expect(addToBatch(batch, two, bounds)).toBe(false);
    const one = recordOf(1, { openColumns: columns(1, sketched) });
    expect(addToBatch(batch, one, bounds)).toBe(true);
  });

  it('has samples of its own, whatever becomes of those of a record', () => {
    const first = recordOf(0, { ...samples(2), ...metadata(1) });
    const batch = batchOf(first);
    first.record.entries.samples.times.fill(0);
    addToBatch(batch, recordOf(1, samples(3)), bounds);
    const { chunks } = storeBatchOf(batch);
    expect(chunks.map((chunk) => [...chunk.samples.times])).toEqual([[], [7, 7, 7, 7, 7]]);
    expect(chunks.map((chunk) => chunk.metadata.length)).toEqual([1, 0]);
  });

  it('has pieces of its own, and of a record with nothing else no more than those', () => {
    const [first, second] = [columns(2), columns(1)];
    const batch = batchOf(recordOf(0, { finalColumns: first }));
    addToBatch(batch, recordOf(1, { finalColumns: second, open: [PIECE] }), bounds);
    first.setNumber(0, 0, 99);
    const { finals, open } = batch.pieces;
    expect([...finals.pieces(), ...open.pieces()]).toEqual([PIECE, PIECE, PIECE, PIECE]);
    expect(batch.chunks).toEqual([]);
  });

  it('is as new as its newest sample, wherever in a record that is', () => {
    const batch = batchOf(recordOf(0, metadata(1)));
    expect(batch).toMatchObject({ newestUs: -Infinity, hasUnverified: false });
    addToBatch(batch, recordOf(1, samples(3)), bounds);
    expect(batch.newestUs).toBe(7);
    const record = recordOf(2, samples(3));
    record.record.entries.samples.times.set([1, 9, 2]);
    addToBatch(batch, record, bounds);
    expect(batch).toMatchObject({ newestUs: 9, hasUnverified: false });
  });

  it('has some the store has to look for, wherever in a record they are', () => {
    const record = recordOf(1, samples(60));
    record.record.entries.samples.flags[3] = SampleFlag.unverified;
    expect(batchOf(record)).toMatchObject({ newestUs: 7, hasUnverified: true });
    const batch = batchOf(recordOf(0, samples(60)));
    // Of those few are taken at once, also where more of others are.
    expect(addToBatch(batch, record, bounds, 2)).toBe(false);
    expect(addToBatch(batch, recordOf(1, samples(60)), bounds, 2)).toBe(true);
    expect(batch.hasUnverified).toBe(false);
  });

  it('has as many more bytes as it has more entries', () => {
    const batch = batchOf(recordOf(0, samples(1)));
    const sized = (bytes: number): DecodedRecord => ({ ...recordOf(1, samples(1)), bytes });
    expect(addToBatch(batch, sized(2991), bounds, 3)).toBe(false);
    expect(addToBatch(batch, sized(2990), bounds, 3)).toBe(true);
    expect(addToBatch(batch, sized(1), bounds, 3)).toBe(false);
  });
});

const PIECE: Piece = {
  edition: 1,
  fingerprint: new Uint8Array(16),
  widthUs: 60,
  startUs: 0,
  piece: 1,
  count: 1,
  marked: false,
};
