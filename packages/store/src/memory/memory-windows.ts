import type { LookedWindow } from '../completed-reader.ts';
import type { MarkedScope, MarkedWindow, WindowName } from '../completion-store.ts';
import type { MemoryPiece, MemoryStoreDatabase } from './memory-store-database.ts';

type WindowTables = Pick<MemoryStoreDatabase, 'finals' | 'open' | 'complete' | 'notCompletable'>;

/** All windows, and whether they show as marked. */
export function windowsIn(database: WindowTables): LookedWindow[] {
  const pieces = new Map<string, { name: WindowName; of: MemoryPiece[]; isOpen: boolean }>();
  const add = (piece: MemoryPiece, isOpen: boolean): void => {
    const { edition, widthUs, startUs } = piece;
    const name = { edition, seriesId: piece.fingerprint.slice(0, 8), widthUs, startUs };
    const window = pieces.get(nameOf(name)) ?? { name, of: [], isOpen: false };
    pieces.set(nameOf(name), window);
    window.of.push(piece);
    window.isOpen ||= isOpen;
  };
  for (const piece of database.finals) add(piece, false);
  for (const piece of database.open.values()) add(piece, true);
  return [...pieces].map(([key, { name, of, isOpen }]) => {
    const samples = of.reduce((sum, { count }) => sum + count, 0);
    const done = database.complete.get(key);
    const isSame = done?.pieces === of.length && done.samples === samples;
    const hasMark = of.some(({ marked }) => marked);
    const isMarked = done === undefined ? hasMark : !isSame || done.marked;
    const partitions = [...new Set(of.map(({ partition }) => partition))].sort((a, b) => a - b);
    const firsts = partitions.map((partition) => {
      const mine = of.filter((one) => one.partition === partition);
      return { partition, piece: Math.min(...mine.map(({ piece }) => piece)) };
    });
    const isBounded = isSame && done.marked;
    const hasRow = done !== undefined;
    const increase = of.reduce<number | undefined>(
      (sum, one) => (one.increase === undefined ? sum : (sum ?? 0) + one.increase),
      undefined,
    );
    const state = { hasMark, isOpen, isBounded, isMarked, hasRow, increase };
    return { ...name, firsts, pieces: of.length, samples, ...state };
  });
}

export function isWanted(
  { editions }: Pick<MemoryStoreDatabase, 'editions'>,
  { edition, startUs, widthUs }: MarkedWindow,
  { fromUs, untilUs, rules }: MarkedScope,
): boolean {
  const rule = editions.get(edition)?.rule ?? '';
  return (
    startUs + widthUs > fromUs && startUs < untilUs && (rules === undefined || rules.includes(rule))
  );
}

export function isNew({ notCompletable }: WindowTables, window: MarkedWindow): boolean {
  const known = notCompletable.get(nameOf(window));
  return known?.pieces !== window.pieces || known.samples !== window.samples;
}

export function nameOf({ edition, seriesId, widthUs, startUs }: WindowName): string {
  return [edition, Buffer.from(seriesId).toString('hex'), widthUs, startUs].join(' ');
}

export function inOrder(a: WindowName, b: WindowName): number {
  return (
    a.startUs - b.startUs ||
    Buffer.compare(a.seriesId, b.seriesId) ||
    a.widthUs - b.widthUs ||
    a.edition - b.edition
  );
}

/** See `CompletedReader.changedBefore`. */
export function isChangedBefore(
  database: WindowTables,
  windows: readonly LookedWindow[],
  row: WindowName & Readonly<{ run: number }>,
): boolean {
  const { edition, seriesId, widthUs, startUs, run } = row;
  return windows.some((one) => {
    if (one.edition !== edition || one.widthUs !== widthUs || one.startUs >= startUs) return false;
    if (Buffer.compare(one.seriesId, seriesId) !== 0 || !one.isMarked || one.isBounded)
      return false;
    return isNew(database, one) || database.notCompletable.get(nameOf(one))!.run > run;
  });
}
