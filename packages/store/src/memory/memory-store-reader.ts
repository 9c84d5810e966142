import { SampleFlag } from '@millrace/model';
import type { CompletedReader, LookedWindows } from '../completed-reader.ts';
import { StoredExpiry } from '../retention/stored-expiry.ts';
import type {
  HistogramRowColumns,
  ReadScope,
  SampleRowColumns,
  StoredDeadLetter,
  StoredEditions,
  StoredServed,
  StoredTotals,
} from '../reader-rows.ts';
import type { StoreReader, StoreSnapshot } from '../store-reader.ts';
import type { MemorySample, MemoryStoreDatabase } from './memory-store-database.ts';
import { inOrder, isChangedBefore, isNew, isWanted, nameOf, windowsIn } from './memory-windows.ts';

/** Few, so that tests cross the border between two. */
const ROWS_MAX = 64;

/** Reads what memory stores keep; a snapshot is a copy. */
export function createMemoryStoreReader(database: MemoryStoreDatabase): StoreReader {
  return {
    snapshot: async () => snapshotOf(copyOf(database)),
    close: async () => undefined,
  };
}

type Contents = Pick<
  MemoryStoreDatabase,
  | ('marks' | 'totals' | 'moves' | 'samples' | 'histograms' | 'finals' | 'open')
  | ('definitions' | 'firstSeen' | 'unverified' | 'deadLetters')
  | ('expired' | 'expiredApart' | 'complete' | 'notCompletable')
  | ('exemplars' | 'metadata' | 'editions' | 'editionStarts' | 'editionEnds' | 'jobEnds')
> & { served: StoredServed[] };

function copyOf(database: MemoryStoreDatabase): Contents {
  const { marks, totals, moves, samples, histograms, finals, open } = database;
  const { definitions, firstSeen, unverified, deadLetters } = database;
  const { exemplars, metadata, editions, editionStarts, editionEnds, jobEnds } = database;
  const { expired, expiredApart, complete, notCompletable } = database;
  return structuredClone({
    ...{ expired, expiredApart, complete, notCompletable },
    ...{ marks, totals, moves, samples, histograms, finals, open },
    ...{ definitions, firstSeen, unverified, deadLetters },
    ...{ exemplars, metadata, editions, editionStarts, editionEnds, jobEnds },
    served: servedOf(database),
  });
}

function snapshotOf(database: Contents): StoreSnapshot {
  return {
    positions: async () => database.marks.map((mark) => ({ ...mark })),
    totals: async () => totalsOf(database),
    expired: async () => new StoredExpiry(database.expired, database.expiredApart),
    samples: (scope) => chunks(samplesIn(database.samples, scope), sampleColumns),
    histograms: (scope) =>
      chunks(samplesIn(database.histograms, scope), (rows): HistogramRowColumns => {
        const all = rows.map((row) => {
          return { ...row, value: row.histogram === undefined ? undefined : NaN };
        });
        const absent = Uint8Array.from(all, ({ histogram }) => (histogram === undefined ? 1 : 0));
        const histograms = all.map(({ histogram }) => histogram ?? new Uint8Array(0));
        return { ...sampleColumns(all), absent, histograms };
      }),
    pieces: (scope) => {
      const wanted = [
        ...database.finals.map((piece) => ({ ...piece, isFinal: true })),
        ...[...database.open.values()].map((piece) => ({ ...piece, isFinal: false })),
      ].filter(({ fingerprint, startUs }) => isIn(scope, lowOf(idOf(fingerprint)), startUs));
      return chunks(wanted, (rows) =>
        rows.map(({ fingerprint, ...rest }) => ({ ...rest, seriesId: fingerprint.slice(0, 8) })),
      );
    },
    definitions: (scope) => {
      const wanted = [...database.definitions]
        .filter(([id]) => isIn({ ...scope, fromUs: -Infinity, untilUs: Infinity }, lowOf(id), 0))
        .map(([, { seenUs, ...rest }]) => ({
          ...rest,
          firstSeenUs: database.firstSeen.get(idOf(rest.fingerprint)) ?? seenUs,
          lastSeenUs: seenUs,
        }));
      return chunks(wanted, (rows) => rows);
    },
    unverified: (scope) => {
      const wanted = database.unverified.filter(({ fingerprint, timeUs }) =>
        isIn(scope, lowOf(idOf(fingerprint)), timeUs),
      );
      return chunks(wanted, (rows) => rows);
    },
    deadLetters: () => chunks(database.deadLetters, (rows) => rows.map(letterOf)),
    exemplars: (scope) => {
      const wanted = database.exemplars.filter(({ fingerprint, timeUs }) =>
        isIn(scope, lowOf(idOf(fingerprint)), timeUs),
      );
      return chunks(wanted, (rows) =>
        rows.map(({ fingerprint, ...rest }) => ({ ...rest, seriesId: fingerprint.slice(0, 8) })),
      );
    },
    metadata: () => chunks([...database.metadata.values()], (rows) => rows),
    editions: async () => editionsOf(database),
    ...completedReader(database),
    close: async () => undefined,
  };
}

function completedReader(database: Contents): CompletedReader {
  const beside = (): Omit<LookedWindows, 'windows'> => {
    const watermarks = database.marks
      .filter(({ source, isOpen }) => source === 'live' && isOpen)
      .map(({ watermarkUs = -Infinity }) => watermarkUs);
    const watermarkUs = watermarks.length === 0 ? -Infinity : Math.min(...watermarks);
    const positions = database.marks.map((mark) => ({ ...mark }));
    return { positions, editions: editionsOf(database), watermarkUs };
  };
  return {
    completed: (scope) => {
      const wanted = [...database.complete.values()].filter(({ seriesId, startUs }) =>
        isIn(scope, lowOf(idOf(seriesId)), startUs),
      );
      return chunks(wanted, (rows) => rows);
    },
    look: async (names) => {
      const wanted = new Set(names.map(nameOf));
      const windows = windowsIn(database).filter((one) => wanted.has(nameOf(one)));
      return { ...beside(), windows: windows.sort(inOrder) };
    },
    marked: async (scope) => {
      const found = windowsIn(database)
        .filter(({ isMarked, hasRow }) => isMarked || (scope.isAgain && hasRow))
        .filter((window) => isWanted(database, window, scope))
        .filter((window) => !scope.isOnlyNew || isNew(database, window))
        .sort(inOrder)
        .filter((window) => scope.after === undefined || inOrder(window, scope.after) > 0);
      return { ...beside(), windows: found.slice(0, scope.windowsMax) };
    },
    changedBefore: async (rows) => {
      const windows = windowsIn(database);
      const places = [...rows.keys()];
      return new Set(places.filter((i) => isChangedBefore(database, windows, rows[i]!)));
    },
  };
}

/** What is served here was computed when it came, and is not computed again. */
function editionsOf(database: Contents): StoredEditions {
  const { editions, editionStarts: starts, editionEnds: ends, jobEnds, served } = database;
  return {
    ...{ starts, ends, served, toServe: served, jobEnds, promotions: [] },
    editions: [...editions.values()].map((one) => {
      const { edition, rule, definition, widthsUs, aggregates, candidate } = one;
      return { edition, rule, definition, widthsUs, aggregates, candidate, isDropped: false };
    }),
  };
}

function servedOf({ shown }: MemoryStoreDatabase): StoredServed[] {
  return [...shown.rules].flatMap(([rule, ranges]) =>
    ranges.map(({ edition, fromUs }, i) => {
      return { rule, edition, fromUs, untilUs: ranges[i + 1]?.fromUs ?? Infinity };
    }),
  );
}

function totalsOf(database: Contents): StoredTotals[] {
  return [...database.totals].map(([key, all]) => {
    const totals: Partial<typeof all> & typeof all = { ...all };
    delete totals.droppedBy;
    const moves = database.moves.get(key);
    return {
      ...totals,
      lost: totals.lost ?? 0,
      logId: key.split(' ')[0]!,
      source: 'live',
      unverifiedToStored: moves?.stored ?? 0,
      unverifiedToDuplicate: moves?.duplicate ?? 0,
      unverifiedToDeadLetter: moves?.unverifiedToDeadLetter ?? 0,
      storedToDeadLetter: moves?.storedToDeadLetter ?? 0,
      deadLetterToDuplicate: moves?.deadLetterToDuplicate ?? 0,
      deadLetterToDropped: moves?.deadLetterToDropped ?? 0,
    };
  });
}

function letterOf(letter: Contents['deadLetters'][number]): StoredDeadLetter {
  const { fingerprint, logId, partition, entry = 'sample', isRedriven = false, ...rest } = letter;
  const seriesId = fingerprint.slice(0, 8);
  return { ...rest, logId, partition, source: 'live', entry, seriesId, isRedriven };
}

function samplesIn<T extends { seriesId: string; timeUs: number }>(
  rows: readonly T[],
  scope: ReadScope,
): T[] {
  return rows.filter(({ seriesId, timeUs }) => isIn(scope, lowOf(seriesId), timeUs));
}

function isIn(scope: ReadScope, low: number, timeUs: number): boolean {
  const { fromUs, untilUs, slices, slice } = scope;
  return timeUs >= fromUs && timeUs < untilUs && low % slices === slice;
}

function sampleColumns(rows: readonly MemorySample[]): SampleRowColumns {
  const flagsOf = ({ value, unverified }: MemorySample): number =>
    (value === undefined ? SampleFlag.stale : 0) | (unverified ? SampleFlag.unverified : 0);
  return {
    count: rows.length,
    idHigh: Uint32Array.from(rows, ({ seriesId }) => Number.parseInt(seriesId.slice(0, 8), 16)),
    idLow: Uint32Array.from(rows, ({ seriesId }) => lowOf(seriesId)),
    times: Float64Array.from(rows, ({ timeUs }) => timeUs),
    values: Float64Array.from(rows, ({ value }) => value ?? NaN),
    flags: Uint8Array.from(rows, flagsOf),
    absent: Uint8Array.from(rows, ({ value }) => (value === undefined ? 1 : 0)),
  };
}

/** The low 32 bits of a series id in hex. */
function lowOf(seriesId: string): number {
  return Number.parseInt(seriesId.slice(8, 16), 16);
}

function idOf(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint.subarray(0, 8)).toString('hex');
}

async function* chunks<T, U>(
  rows: readonly T[],
  shape: (some: readonly T[]) => U,
): AsyncGenerator<U> {
  for (let at = 0; at < rows.length; at += ROWS_MAX) yield shape(rows.slice(at, at + ROWS_MAX));
}
