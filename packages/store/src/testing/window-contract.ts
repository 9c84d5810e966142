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

  it('keeps the last revision of an open piece, with every column or none', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    await store.apply(batchOf({ to: addressOf(1) }, { open: [full, pieceOf({ piece: 11 })] }));
    expect((await harness.contents()).open).toEqual([
      contentOf(pieceOf({ piece: 11 })),
      contentOf(full),
    ]);
    const revised = pieceOf({ count: 4, sum: 2, inputs: undefined });
    const again = batchOf({ from: addressOf(1), to: addressOf(2) }, { open: [revised] });
    await store.apply(again);
    const { open, finals } = await harness.contents();
    expect(open).toEqual([contentOf(pieceOf({ piece: 11 })), contentOf(revised)]);
    expect(finals).toEqual([]);
  });

  const forms: [form: string, entries: (...finals: Piece[]) => Partial<Entries>][] = [
    ['an object', (...finals) => ({ finals })],
    ['columns', (...finals) => ({ finalColumns: PieceColumns.of(finals) })],
    [
      'one or the other',
      (one, ...others) => {
        return { finals: [one!], finalColumns: PieceColumns.of(others) };
      },
    ],
  ];
  it.each(forms)(
    'makes a piece, as %s, final: appended, and no longer open',
    async (_, entries) => {
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
