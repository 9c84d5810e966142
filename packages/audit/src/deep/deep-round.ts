import type { LedgerEntry } from '@millrace/wire';
import type { AuditParts } from '../audit.ts';
import { redrivenGone } from '../letters/gone-letters.ts';
import type { RefusedLetters } from '../letters/refused-letters.ts';
import type { LogTables } from '../log/record-slots.ts';
import { rawKeptFromUs, type AuditPlan } from '../plan.ts';
import { RecordList } from '../record-list.ts';
import { RowComparison } from '../rows/compare-rows.ts';
import { countRows } from '../rows/missing-rows.ts';
import type { RoundParams } from '../plain-round.ts';
import { tellCounts, tellRows, tellStrange } from '../rows/tell-rows.ts';
import { SampleTable } from '../sample-table.ts';
import { SeriesTable } from '../series-table.ts';
import { collectRows } from '../replay/collect-differences.ts';
import { compareEntries } from './compare-entries.ts';
import { ExpectedDefinitions } from './expected-definitions.ts';
import { ExpectedEditions } from './expected-editions.ts';
import { ExpectedExemplars } from './expected-exemplars.ts';
import { ExpectedLetters } from './expected-letters.ts';
import { ExpectedMetadata } from './expected-metadata.ts';
import { ExpectedPieces } from './expected-pieces.ts';
import { ExpectedSamples, type ExpectedMoves } from './expected-samples.ts';
import { ExpectedUnverified } from './expected-unverified.ts';
import type { FoldStart } from './fold-start.ts';
import { foldPartition, type FoldedPartition } from './fold-partition.ts';

/** With where the fold of each partition begins, in the order of the plan. */
export interface DeepParts extends AuditParts {
  starts: readonly FoldStart[];
}

/** What one partition's entries say, beside rows. */
export interface DeepPartition extends FoldedPartition {
  /** The newest ledger entry, and the newest totals of each tenant. */
  newest: LedgerEntry | undefined;
  totals: Map<string, LedgerEntry['totals'][number]>;
  moves: ExpectedMoves;
}

export interface DeepResult {
  partitions: DeepPartition[];
  rows: Record<string, number>;
  notProven: string[];
}

export interface Expectations {
  samples: ExpectedSamples;
  pieces: ExpectedPieces;
  definitions: ExpectedDefinitions;
  unverified: ExpectedUnverified;
  letters: ExpectedLetters;
  exemplars: ExpectedExemplars;
  metadata: ExpectedMetadata;
  editions: ExpectedEditions;
}

/** Folds the log, and compares what it puts out for the series of one part. */
export async function deepRound(parts: DeepParts, params: RoundParams): Promise<DeepResult> {
  const { plan } = parts;
  const { round: slice, rounds: slices } = params;
  const of = { slices, slice };
  const tables: LogTables = {
    series: new SeriesTable(),
    samples: new SampleTable(Math.ceil((plan.held / slices) * 1.02)),
    records: new RecordList(),
    tenants: [''],
  };
  const expected: Expectations = {
    samples: new ExpectedSamples(tables, of, parts.letters.arrivals),
    pieces: new ExpectedPieces(of),
    definitions: new ExpectedDefinitions(of, seenFromUs(parts)),
    unverified: new ExpectedUnverified(of, plan.expired.unverified),
    letters: new ExpectedLetters(of, parts),
    exemplars: new ExpectedExemplars(of, plan.expired.exemplars),
    metadata: new ExpectedMetadata(),
    editions: new ExpectedEditions(),
  };
  const partitions = await foldAll(parts, params, expected);
  const exactFromUs = exactTimes(parts);
  const rows = await compareRows(parts, params, { tables, exactFromUs });
  const beside = await compareEntries(parts, params, { expected, exactFromUs });
  return { partitions, rows: { ...rows, ...beside.rows }, notProven: beside.notProven };
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
  { plan, snapshot, stream, letters, gone, differences }: DeepParts,
  params: RoundParams,
  known: Readonly<{ tables: LogTables; exactFromUs: readonly number[] }>,
): Promise<Record<string, number>> {
  const of = { slices: params.rounds, slice: params.round };
  const { tables, exactFromUs } = known;
  const fromUs = rawKeptFromUs(plan);
  const scope = { ...of, fromUs, untilUs: Infinity };
  const comparison = new RowComparison(tables, exactFromUs, {
    isDeep: true,
    forgotten: forgottenOf(plan, letters),
  });
  for await (const rows of snapshot.samples(scope)) comparison.samples(rows);
  const samples = comparison.rows;
  for await (const rows of snapshot.histograms(scope)) comparison.histograms(rows);
  const counts = countRows(tables, {
    ...{ fromUs, untilUs: Infinity, exactFromUs, tenant: undefined, positions: [] },
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
  return { samples, histograms: comparison.rows - samples };
}

/** Letters that were sent again, and were dropped or expired since, by partition. */
function forgottenOf({ partitions }: AuditPlan, letters: RefusedLetters): number[] {
  const forgotten: number[] = [];
  for (const one of partitions) forgotten[one.partition] = redrivenGone(one, letters);
  return forgotten;
}

/** Series that were seen first after this time are known; -Infinity: all of them. */
function seenFromUs({ starts }: DeepParts): number {
  return Math.max(...starts.map(({ partitionTimeUs }) => partitionTimeUs));
}

async function foldAll(
  parts: DeepParts,
  { round, rounds }: RoundParams,
  expected: Expectations,
): Promise<DeepPartition[]> {
  const { stream, plan, starts, settings, signal } = parts;
  const total = plan.partitions.reduce(
    (sum, { mark }, i) => sum + mark.offset - starts[i]!.position,
    0,
  );
  const partitions: DeepPartition[] = [];
  let before = 0;
  for (const [i, one] of plan.partitions.entries()) {
    const start = starts[i]!;
    const moves: ExpectedMoves = { toStored: 0, toDuplicate: 0 };
    const totals: DeepPartition['totals'] = new Map(
      start.totals.map((some) => [some.tenant, some]),
    );
    let newest: LedgerEntry | undefined;
    expected.samples.begin(one.partition, moves);
    expected.pieces.begin(one.partition);
    expected.definitions.begin(one.partition);
    expected.unverified.begin(one.partition);
    expected.letters.begin(one.partition);
    expected.exemplars.begin(one.partition);
    expected.metadata.begin(one.partition, start.metadata);
    expected.editions.begin(one);
    const base = before - start.position;
    const folded = await foldPartition({
      ...{ stream, plan: one, start, waitMsMax: settings.logWaitMsMax, signal },
      onEntries: (entries, offset) => {
        expected.samples.take(entries, offset);
        expected.pieces.take(entries, offset);
        expected.definitions.take(entries, offset);
        expected.unverified.take(entries, offset);
        expected.letters.take(entries, offset);
        expected.exemplars.take(entries, offset);
        expected.metadata.take(entries, offset);
        expected.editions.take(entries, offset);
        for (const entry of entries.ledger) {
          newest = entry;
          for (const some of entry.totals) totals.set(some.tenant, some);
        }
        parts.onProgress?.({ phase: 'log', round, rounds, done: base + offset, total });
      },
    });
    before += one.mark.offset - start.position;
    partitions.push({ ...folded, newest, totals, moves });
  }
  return partitions;
}
