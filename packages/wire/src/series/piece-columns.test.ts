import type { Piece } from '@millrace/model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PieceColumns } from './piece-columns.ts';
import { decodeSeriesRecord, decodeSeriesRecordColumns } from './series-record-codec.ts';
import { SeriesRecordBuilder } from './series-record-builder.ts';
import { EntryType, type SeriesRecord } from './series-record.ts';

const count = fc.nat();
const number = fc.option(fc.oneof(fc.double(), fc.integer()), { nil: undefined });
const sketch = fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined, freq: 1 });
const piece: fc.Arbitrary<Piece> = fc.record({
  edition: fc.maxSafeNat(),
  fingerprint: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  widthUs: count,
  startUs: fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true })),
  piece: fc.maxSafeNat(),
  count,
  marked: fc.boolean(),
  ...{ sum: number, min: number, max: number, first: number, firstTimeUs: number },
  ...{ last: number, lastTimeUs: number, increase: number },
  ...{ histogram: sketch, distinct: sketch, inputs: sketch },
});

test('pieces come out of columns as they went in', () => {
  fc.assert(
    fc.property(fc.array(piece), fc.array(piece), fc.nat(9), (some, others, from) => {
      const columns = PieceColumns.of(some);
      columns.append(PieceColumns.of(others), from);
      expect([...columns.pieces()]).toEqual([...some, ...others.slice(from)]);
      const both = PieceColumns.concatenated([columns, PieceColumns.of(some)]);
      expect([...both.pieces()]).toEqual([...columns.pieces(), ...some]);
    }),
  );
});

test('a record decoded into columns has the same pieces, from any address on', () => {
  const entry = fc.record({ piece, isFinal: fc.boolean() });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), fc.nat(20), (entries, ordinal) => {
      const builder = new SeriesRecordBuilder(HEAD, { offset: 7, ordinal: 0 }, 10_000);
      builder.begin(7);
      for (const one of entries) {
        builder.entry(one.isFinal ? EntryType.final : EntryType.open, one.piece);
      }
      builder.flush(8);
      for (const { payload } of builder.sealed) {
        for (const from of [undefined, { offset: 7, ordinal }]) {
          const columns = decodeSeriesRecordColumns(payload, from);
          expect(columns.entries).toMatchObject({ open: [], finals: [] });
          expect(withoutColumns(columns)).toEqual(decodeSeriesRecord(payload, from));
        }
      }
    }),
  );
});

const HEAD = { logId: 'ab'.repeat(16), logNumber: 1, source: 'live', foldVersion: 3 };

function withoutColumns({ entries, ...record }: SeriesRecord): SeriesRecord {
  const { openColumns, finalColumns, ...lists } = entries;
  const open = [...(openColumns?.pieces() ?? [])];
  const finals = [...(finalColumns?.pieces() ?? [])];
  return { ...record, entries: { ...lists, open, finals } };
}
