import { PieceInputs, type Piece } from '@millrace/model';
import { PieceColumns, type Entries } from '@millrace/wire';
import { expect, it } from 'vitest';
import type { Subject } from './contract-subject.ts';
import {
  addressOf,
  batchOf,
  keyOf,
  NOON_US,
  pieceOf,
  SECOND_US,
  seriesIdHex,
  seriesOf,
} from './entries.ts';
import type { ContentPiece } from './store-contents.ts';

const UP = seriesOf('up');
const TEMPERATURE = seriesOf('temperature', { room: 'Küche' });

type FormOf<K extends 'open' | 'finals'> = (
  ...pieces: Piece[]
) => Partial<Pick<Entries, K | `${K extends 'open' ? 'open' : 'final'}Columns`>>;

/** More than are written one statement's parameters at a time. */
const MANY = 5_100;

/** Pieces of windows: open ones replaced, finals kept for ever. */
export function describeWindows(subject: Subject): void {
  const full = pieceOf({
    sum: 0.1,
    min: -Infinity,
    max: NaN,
    first: 1,
    firstTimeUs: NOON_US + 1,
    last: 2,
    lastTimeUs: NOON_US + 3,
    increase: 0,
    histogram: Uint8Array.of(1, 0),
    distinct: Uint8Array.of(1, 14, 0, 0),
    inputs: inputsOf(),
    marked: true,
  });

  const forms: [form: string, open: FormOf<'open'>, finals: FormOf<'finals'>][] = [
    ['an object', (...open) => ({ open }), (...finals) => ({ finals })],
    [
      'columns',
      (...open) => ({ openColumns: PieceColumns.of(open) }),
      (...finals) => ({ finalColumns: PieceColumns.of(finals) }),
    ],
    [
      'one or the other',
      (one, ...others) => ({ open: [one!], openColumns: PieceColumns.of(others) }),
      (one, ...others) => ({ finals: [one!], finalColumns: PieceColumns.of(others) }),
    ],
  ];
  it.each(forms)(
    'keeps the last revision of an open piece, as %s, with every column or none',
    async (_, entries) => {
      const { harness, store } = subject();
      await store.openMark(keyOf());
      await store.apply(batchOf({ to: addressOf(1) }, entries(full, pieceOf({ piece: 11 }))));
      expect((await harness.contents()).open).toEqual([
        contentOf(pieceOf({ piece: 11 })),
        contentOf(full),
      ]);
      const revised = pieceOf({ count: 4, sum: 2, inputs: undefined });
      const again = batchOf({ from: addressOf(1), to: addressOf(2) }, entries(revised));
      await store.apply(again);
      const { open, finals } = await harness.contents();
      expect(open).toEqual([contentOf(pieceOf({ piece: 11 })), contentOf(revised)]);
      expect(finals).toEqual([]);
    },
  );

  it.each(forms)(
    'makes a piece, as %s, final: appended, and no longer open',
    async (_, __, entries) => {
      const { harness, store } = subject();
      await store.openMark(keyOf());
      const other = pieceOf({ startUs: NOON_US + 300 * SECOND_US });
      await store.apply(batchOf({ to: addressOf(1) }, { open: [pieceOf(), other] }));
      const hour = pieceOf({ widthUs: 3600 * SECOND_US, startUs: 0 });
      const span = { from: addressOf(1), to: addressOf(2) };
      await store.apply(batchOf(span, entries(full, hour)));
      const { open, finals } = await harness.contents();
      expect(open).toEqual([contentOf(other)]);
      expect(finals).toEqual([contentOf(full), contentOf(hour)]);
    },
  );

  it('keeps the last revision of each of very many open pieces, until they are final', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    const put = async (step: number, entries: Partial<Entries>): Promise<void> => {
      const span = { from: addressOf(step), to: addressOf(step + 1) };
      const result = await store.apply(batchOf(span, entries));
      expect(result).toMatchObject({ outcome: 'applied', deadLetters: 0 });
    };
    const many = (count: number, of: Partial<Piece>): Piece[] =>
      Array.from({ length: count }, (_, i) => pieceOf({ ...of, piece: 1000 + i }));
    const before = many(MANY, { sum: 1 });
    await put(0, { openColumns: PieceColumns.of(before) });
    expect((await harness.contents()).open).toEqual(before.map(contentOf));
    // Some have a newer revision, one of them with everything; some more are new.
    const after = many(MANY + 500, { count: 9, last: 4, lastTimeUs: NOON_US + 2, marked: true });
    after[7] = { ...full, piece: after[7]!.piece };
    const rest = after.slice(300);
    await put(1, { open: after.slice(3, 300), openColumns: PieceColumns.of(rest) });
    const open = [...before.slice(0, 3), ...after.slice(3)];
    expect((await harness.contents()).open).toEqual(open.map(contentOf));
    // Older numbers that come later are the newer revision.
    await put(2, { openColumns: PieceColumns.of([...before.slice(0, 10), ...after.slice(10)]) });
    const again = [...before.slice(0, 10), ...after.slice(10)];
    expect((await harness.contents()).open).toEqual(again.map(contentOf));
    const [finals, left] = [again.slice(0, MANY), again.slice(MANY)];
    const opens = left.map((piece) => ({ ...piece, count: 10 }));
    await put(3, { finalColumns: PieceColumns.of(finals), openColumns: PieceColumns.of(opens) });
    const contents = await harness.contents();
    expect(contents.open).toEqual(opens.map(contentOf));
    expect(contents.finals).toEqual(finals.map(contentOf));
  });

  it('keeps pieces of partitions apart', async () => {
    const { harness, store } = subject();
    for (const partition of [0, 1]) {
      await store.openMark(keyOf({ partition }));
      const key = { partition };
      await store.apply(batchOf({ to: addressOf(1), key }, { open: [pieceOf()] }));
    }
    const final = { from: addressOf(1), to: addressOf(2), key: { partition: 1 } };
    await store.apply(batchOf(final, { finals: [pieceOf()] }));
    const { open, finals } = await harness.contents();
    expect([...open, ...finals].map(({ partition }) => partition)).toEqual([0, 1]);
  });
}

function inputsOf(): Uint8Array {
  const inputs = PieceInputs.empty();
  inputs.set(UP, 0, NOON_US + 1, 3);
  inputs.set(TEMPERATURE, 0, NOON_US + 2, NaN);
  return inputs.encode();
}

/** What a piece of partition 0 looks like when it is read back. */
function contentOf(piece: ReturnType<typeof pieceOf>): ContentPiece {
  const hex = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
  const { fingerprint, histogram, distinct, inputs, ...rest } = piece;
  return {
    ...rest,
    seriesId: seriesIdHex(fingerprint),
    partition: 0,
    histogram: hex(histogram),
    distinct: hex(distinct),
    inputs: hex(inputs),
  };
}
