import type { ReadScope } from '@millrace/store';
import type { Entries, LedgerEntry } from '@millrace/wire';
import { redrivenGone } from '../letters/gone-letters.ts';
import type { RefusedLetters } from '../letters/refused-letters.ts';
import type { LogTables } from '../log/record-slots.ts';
import { readKeptRows, type KeptRows } from '../kept-rows.ts';
import type { AuditPlan, PartitionPlan } from '../plan.ts';
import { RecordList } from '../record-list.ts';
import { RowComparison } from '../rows/compare-rows.ts';
import { countRows } from '../rows/missing-rows.ts';
import type { RoundParams } from '../plain-round.ts';
import { tellCounts, tellRows, tellStrange } from '../rows/tell-rows.ts';
import { SampleTable } from '../sample-table.ts';
import { SeriesTable } from '../series-table.ts';
import { collectRows } from '../replay/collect-differences.ts';
import { compareEntries } from './compare-entries.ts';
import type { DeepParts, DeepPartition, DeepResult, Expectations } from './deep-parts.ts';
import { ExpectedDefinitions } from './expected-definitions.ts';
import { ExpectedEditions } from './expected-editions.ts';
import { ExpectedExemplars } from './expected-exemplars.ts';
import { ExpectedLetters } from './expected-letters.ts';
import { ExpectedMetadata } from './expected-metadata.ts';
import { ExpectedPieces } from './expected-pieces.ts';
import { ExpectedSamples, type ExpectedMoves } from './expected-samples.ts';
import { ExpectedUnverified } from './expected-unverified.ts';
import { foldJob } from './fold-job.ts';
import type { FoldStart } from './fold-start.ts';
import { foldPartition } from './fold-partition.ts';
import type { AnyPiece } from './piece-text.ts';
import { RowSums, type DoubtfulSeries, type TimeScope } from './row-sums.ts';

/** Folds the log, and compares what it puts out for the series of one part. */
export async function deepRound(parts: DeepParts, params: RoundParams): Promise<DeepResult> {
  const { plan } = parts;
  const { round: slice, rounds: slices } = params;
  const of = { slices, slice };
  const exactFromUs = exactTimes(parts);
  const kept = await readKeptRows(parts.snapshot, plan.expired, of);
  const refused = parts.letters.arrivals;
  const sums = new RowSums(of, { exactFromUs, scope: rowScope(parts, kept), kept, refused });
  const expected: Expectations = {
    pieces: new ExpectedPieces(of, {
      past: parts.past,
      isLookedAt: (piece, series) => isLookedAt(parts, kept, { piece, series }),
    }),
    definitions: new ExpectedDefinitions(of, seenFromUs(parts)),
    unverified: new ExpectedUnverified(of, kept),
    letters: new ExpectedLetters(of, parts),
    exemplars: new ExpectedExemplars(of, kept),
    metadata: new ExpectedMetadata(),
    editions: new ExpectedEditions(),
  };
  const folded = await foldAll(parts, params, takeAll(expected, sums));
  await foldJobs(parts, expected.pieces);
  const { rows, doubtful } = await sumUp(parts, { ...of, ...rowScope(parts, kept) }, sums);
  const partitions = folded.map((one) => ({ ...one, moves: NO_MOVES }));
  const again =
    doubtful === undefined
      ? []
      : await compareDoubtful(parts, params, { doubtful, exactFromUs, kept });
  for (const moves of again) {
    partitions.forEach((one, i) => {
      const { toStored, toDuplicate } = one.moves;
      const more = moves[i]!;
      one.moves = {
        toStored: toStored + more.toStored,
        toDuplicate: toDuplicate + more.toDuplicate,
      };
    });
  }
  const beside = await compareEntries(parts, params, { expected, exactFromUs });
  return { partitions, rows: { ...rows, ...beside.rows }, notProven: beside.notProven };
}

/** What jobs have folded; the series that they define are not looked at. */
async function foldJobs(
  { stream, jobs, past, settings, signal }: DeepParts,
  pieces: ExpectedPieces,
): Promise<void> {
  for (const job of jobs) {
    pieces.begin(job.plan.partition);
    const why = await foldJob(job, {
      ...{ stream, waitMsMax: settings.logWaitMsMax, signal },
      onEntries: (entries, offset) => pieces.take(entries, offset),
    });
    past.folded(job, why);
  }
}

/** Times of rows that are compared: those that are kept, and of them those that are asked for. */
function rowScope({ differences }: DeepParts, { rawLeastUs }: KeptRows): TimeScope {
  const { sinceUs, untilUs } = differences?.range ?? EVERYTHING;
  return { fromUs: Math.max(rawLeastUs, sinceUs), untilUs };
}

/** The same of windows; those that are past their retention are missed by nobody. */
function isLookedAt(
  { differences }: DeepParts,
  kept: KeptRows,
  { piece, series }: Readonly<{ piece: AnyPiece; series: Uint8Array }>,
): boolean {
  const { sinceUs, untilUs } = differences?.range ?? EVERYTHING;
  const { startUs, widthUs } = piece;
  if (startUs + widthUs <= sinceUs || startUs >= untilUs) return false;
  const id = Buffer.from(series.buffer, series.byteOffset, 8);
  return startUs >= kept.windowsFromUs(id.readUInt32BE(0), id.readUInt32BE(4), piece);
}

const EVERYTHING = { sinceUs: -Infinity, untilUs: Infinity };

const NO_MOVES: ExpectedMoves = { toStored: 0, toDuplicate: 0 };

/** Hands entries on to all that expect any. */
function takeAll(expected: Expectations, sums: RowSums): TakesEntries {
  const { pieces, definitions, unverified, letters, exemplars, metadata, editions } = expected;
  return {
    begin: (plan, start) => {
      sums.begin(plan.partition);
      pieces.begin(plan.partition);
      definitions.begin(plan.partition);
      unverified.begin(plan.partition);
      letters.begin(plan.partition);
      exemplars.begin(plan.partition);
      metadata.begin(plan.partition, start.metadata);
      editions.begin(plan);
    },
    take: (entries, offset) => {
      sums.take(entries);
      pieces.take(entries, offset);
      definitions.take(entries, offset);
      unverified.take(entries, offset);
      letters.take(entries, offset);
      exemplars.take(entries, offset);
      metadata.take(entries, offset);
      editions.take(entries, offset);
    },
  };
}

/** Takes all rows away from what was expected; what is left has to be looked at. */
async function sumUp(
  parts: DeepParts,
  scope: ReadScope,
  sums: RowSums,
): Promise<{ rows: Record<string, number>; doubtful: DoubtfulSeries | undefined }> {
  const { snapshot, signal } = parts;
  for await (const rows of snapshot.samples(scope)) {
    signal?.throwIfAborted();
    sums.samples(rows);
  }
  const samples = sums.rows;
  for await (const rows of snapshot.histograms(scope)) sums.histograms(rows);
  return { rows: { samples, histograms: sums.rows - samples }, doubtful: sums.doubtful() };
}

/** Folds once more for the rows of doubtful series, in as many rounds as that takes. */
async function compareDoubtful(
  parts: DeepParts,
  params: RoundParams,
  known: Readonly<{
    doubtful: DoubtfulSeries;
    exactFromUs: readonly number[];
    kept: KeptRows;
  }>,
): Promise<ExpectedMoves[][]> {
  const { doubtful, exactFromUs, kept } = known;
  const rounds = Math.max(1, Math.ceil(doubtful.samples / parts.settings.samplesMax));
  const moves: ExpectedMoves[][] = [];
  for (let i = 0; i < rounds; i += 1) {
    const slices = params.rounds * rounds;
    const slice = params.round + i * params.rounds;
    const tables: LogTables = {
      series: new SeriesTable(),
      samples: new SampleTable(Math.ceil((doubtful.samples / rounds) * 1.02)),
      records: new RecordList(),
      tenants: [''],
    };
    const refused = parts.letters.arrivals;
    const isWanted = doubtful.has;
    const samples = new ExpectedSamples(tables, { slices, slice }, { refused, isWanted });
    const moved: ExpectedMoves[] = parts.plan.partitions.map(() => ({ ...NO_MOVES }));
    await foldAll(
      parts,
      { ...params, round: slice, rounds: slices },
      {
        begin: ({ partition }, _start, i) => samples.begin(partition, moved[i]!),
        take: (entries, offset) => samples.take(entries, offset),
      },
    );
    const of = { ...params, round: slice, rounds: slices };
    await compareRows(parts, of, { tables, exactFromUs, isWanted, kept });
    moves.push(moved);
  }
  return moves;
}

/** Rows of a partition with this time or a later one are known, by partition. */
function exactTimes({ plan, starts, stream }: DeepParts): number[] {
  // Of other partitions nothing is known; rows of another log look like those of this one.
  const exactFromUs = new Array<number>(stream.partitions).fill(Infinity);
  plan.partitions.forEach(({ partition, hasOtherLogs }, i) => {
    const { largestTimeUs } = starts[i]!;
    exactFromUs[partition] = hasOtherLogs ? Infinity : largestTimeUs + 1;
  });
  return exactFromUs;
}

/** Samples and histograms. */
async function compareRows(
  parts: DeepParts,
  params: RoundParams,
  known: Readonly<{
    tables: LogTables;
    exactFromUs: readonly number[];
    isWanted: (idHigh: number, idLow: number) => boolean;
    kept: KeptRows;
  }>,
): Promise<void> {
  const { plan, snapshot, stream, letters, gone, differences } = parts;
  const of = { slices: params.rounds, slice: params.round };
  const { tables, exactFromUs, isWanted, kept } = known;
  const times = rowScope(parts, kept);
  const scope = { ...of, ...times };
  const comparison = new RowComparison(tables, exactFromUs, {
    isDeep: true,
    forgotten: forgottenOf(plan, letters),
    isWanted,
    kept,
  });
  for await (const rows of snapshot.samples(scope)) comparison.samples(rows);
  for await (const rows of snapshot.histograms(scope)) comparison.histograms(rows);
  const counts = countRows(tables, {
    ...{ ...times, kept, exactFromUs, tenant: undefined, positions: [] },
    ...{ skipsMoved: false, excuses: { letters, gone, isByArrival: true } },
  });
  if (differences !== undefined) {
    const isAllKnown = exactFromUs.every((us) => us === -Infinity);
    collectRows(differences, tables, { comparison, counts, isAllKnown });
  }
  await tellCounts(tables, counts, params);
  await tellRows(tables, comparison, params);
  const everything = { ...of, fromUs: -Infinity, untilUs: Infinity };
  const { partitions } = stream;
  await tellStrange(comparison, params, { snapshot, partitions, exactFromUs, scope: everything });
}

/** Letters that were sent again, and were dropped or expired since, by partition. */
function forgottenOf({ partitions }: AuditPlan, letters: RefusedLetters): number[] {
  const forgotten: number[] = [];
  for (const one of partitions) forgotten[one.partition] = redrivenGone(one, letters);
  return forgotten;
}

/** Series that were seen first after this time are known; -Infinity: all of them. */
function seenFromUs({ starts, past }: DeepParts): number {
  // A job defines series as of when they were, which need not be there any more.
  if (past.hasJobs) return Infinity;
  return Math.max(...starts.map(({ partitionTimeUs }) => partitionTimeUs));
}

/** Who is told of what a fold puts out. */
interface TakesEntries {
  /** Entries of partition `i` of the plan follow. */
  begin(plan: PartitionPlan, start: FoldStart, i: number): void;
  take(entries: Entries, offset: number): void;
}

async function foldAll(
  parts: DeepParts,
  { round, rounds }: RoundParams,
  takes: TakesEntries,
): Promise<Omit<DeepPartition, 'moves'>[]> {
  const { stream, plan, starts, settings, signal } = parts;
  const total = plan.partitions.reduce(
    (sum, { mark }, i) => sum + mark.offset - starts[i]!.position,
    0,
  );
  const partitions: Omit<DeepPartition, 'moves'>[] = [];
  let before = 0;
  for (const [i, one] of plan.partitions.entries()) {
    const start = starts[i]!;
    const totals: DeepPartition['totals'] = new Map(
      start.totals.map((some) => [some.tenant, some]),
    );
    let newest: LedgerEntry | undefined;
    takes.begin(one, start, i);
    const base = before - start.position;
    const folded = await foldPartition({
      ...{ stream, plan: one, start, waitMsMax: settings.logWaitMsMax, signal },
      onEntries: (entries, offset) => {
        takes.take(entries, offset);
        for (const entry of entries.ledger) {
          newest = entry;
          for (const some of entry.totals) totals.set(some.tenant, some);
        }
        parts.onProgress?.({ phase: 'log', round, rounds, done: base + offset, total });
      },
    });
    before += one.mark.offset - start.position;
    partitions.push({ ...folded, newest, totals });
  }
  return partitions;
}
