import type {
  CompletionRun,
  CompletionStore,
  MarkedScope,
  MarkedWindow,
  MarkedWindows,
  WindowName,
} from '../completion-store.ts';
import type { MemoryPiece, MemoryStoreDatabase } from './memory-store-database.ts';
import { createMemoryStoreReader } from './memory-store-reader.ts';

/** Windows computed again, for what memory stores keep. */
export function createMemoryCompletionStore(database: MemoryStoreDatabase): CompletionStore {
  const { completion } = database;
  return {
    begin: async () => {
      if (completion.isUnderWay) return undefined;
      completion.isUnderWay = true;
      completion.runs += 1;
      return runOf(database, completion.runs);
    },
    close: async () => undefined,
  };
}

function runOf(database: MemoryStoreDatabase, run: number): CompletionRun {
  return {
    run,
    marked: (scope) => readMarked(database, scope),
    look: async (names) => {
      const wanted = new Set(names.map(nameOf));
      const windows = windowsIn(database).filter((one) => wanted.has(nameOf(one)));
      return { ...(await readBeside(database)), windows: windows.sort(inOrder) };
    },
    replace: async (windows) => {
      let replaced = 0;
      for (const window of windows) {
        const known = database.complete.get(nameOf(window));
        if (known !== undefined && known.run >= run) continue;
        database.complete.set(nameOf(window), { ...window, run });
        database.notCompletable.delete(nameOf(window));
        replaced += 1;
      }
      return replaced;
    },
    fail: async (windows) => {
      for (const window of windows) database.notCompletable.set(nameOf(window), { ...window });
    },
    end: async () => {
      database.completion.isUnderWay = false;
    },
  };
}

async function readMarked(
  database: MemoryStoreDatabase,
  scope: MarkedScope,
): Promise<MarkedWindows> {
  const found = windowsIn(database)
    .filter(({ isMarked }) => isMarked)
    .filter((window) => isWanted(database, window, scope))
    .filter((window) => !scope.isOnlyNew || isNew(database, window))
    .sort(inOrder)
    .filter((window) => scope.after === undefined || inOrder(window, scope.after) > 0);
  return { ...(await readBeside(database)), windows: found.slice(0, scope.windowsMax) };
}

async function readBeside(database: MemoryStoreDatabase): Promise<Omit<MarkedWindows, 'windows'>> {
  const snapshot = await createMemoryStoreReader(database).snapshot();
  const positions = await snapshot.positions();
  const watermarks = positions
    .filter(({ source, isOpen }) => source === 'live' && isOpen)
    .map(({ watermarkUs = -Infinity }) => watermarkUs);
  const watermarkUs = watermarks.length === 0 ? -Infinity : Math.min(...watermarks);
  return { positions, editions: await snapshot.editions(), watermarkUs };
}

/** All windows, and whether they show as marked. */
function windowsIn(database: MemoryStoreDatabase): MarkedWindow[] {
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
    const isMarked = done === undefined ? of.some(({ marked }) => marked) : !isSame || done.marked;
    const partitions = [...new Set(of.map(({ partition }) => partition))].sort((a, b) => a - b);
    const firsts = partitions.map((partition) => {
      const mine = of.filter((one) => one.partition === partition);
      return { partition, piece: Math.min(...mine.map(({ piece }) => piece)) };
    });
    const isBounded = isSame && done.marked;
    return { ...name, firsts, pieces: of.length, samples, isOpen, isBounded, isMarked };
  });
}

function isWanted(
  { editions }: MemoryStoreDatabase,
  { edition, startUs, widthUs }: MarkedWindow,
  { fromUs, untilUs, rules }: MarkedScope,
): boolean {
  const rule = editions.get(edition)?.rule ?? '';
  return (
    startUs + widthUs > fromUs && startUs < untilUs && (rules === undefined || rules.includes(rule))
  );
}

function isNew({ notCompletable }: MemoryStoreDatabase, window: MarkedWindow): boolean {
  const known = notCompletable.get(nameOf(window));
  return known?.pieces !== window.pieces || known.samples !== window.samples;
}

function nameOf({ edition, seriesId, widthUs, startUs }: WindowName): string {
  return [edition, Buffer.from(seriesId).toString('hex'), widthUs, startUs].join(' ');
}

function inOrder(a: WindowName, b: WindowName): number {
  return (
    a.startUs - b.startUs ||
    Buffer.compare(a.seriesId, b.seriesId) ||
    a.widthUs - b.widthUs ||
    a.edition - b.edition
  );
}
