import { logNumberOf } from '@millrace/model';
import type { StoredPiece } from '@millrace/store';
import type { LedgerEntry } from '@millrace/wire';
import type { AuditParts } from '../audit.ts';
import type { LogTables } from '../log/record-slots.ts';
import type { AuditPlan } from '../plan.ts';
import { RecordList } from '../record-list.ts';
import { RowComparison } from '../rows/compare-rows.ts';
import { countRows } from '../rows/missing-rows.ts';
import { droppedOf, droppedText, type RoundParams } from '../plain-round.ts';
import { refusedRows, tellCounts, tellRows, tellStrange } from '../rows/tell-rows.ts';
import { SampleTable } from '../sample-table.ts';
import { SeriesTable } from '../series-table.ts';
import { ExpectedDefinitions } from './expected-definitions.ts';
import { ExpectedPieces } from './expected-pieces.ts';
import { ExpectedSamples, type ExpectedMoves } from './expected-samples.ts';
import { ExpectedUnverified } from './expected-unverified.ts';
import { foldPartition, type FoldedPartition } from './fold-partition.ts';
import { tellBeside, tellDefinitions, tellPieces } from './tell-entries.ts';

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
}

const HOUR_US = 3_600_000_000;

/** Folds the whole log, and compares what it puts out for the series of one part. */
export async function deepRound(parts: AuditParts, params: RoundParams): Promise<DeepResult> {
  const { plan, settings, snapshot } = parts;
  const { round: slice, rounds: slices } = params;
  const of = { slices, slice };
  const tables: LogTables = {
    series: new SeriesTable(),
    samples: new SampleTable(Math.ceil((plan.accepted / slices) * 1.02)),
    records: new RecordList(),
    tenants: [''],
  };
  const cutoffUs = plan.newestWatermarkUs - settings.rawRetentionMs * 1000;
  const expected: Expectations = {
    samples: new ExpectedSamples(tables, of),
    pieces: new ExpectedPieces(of),
    definitions: new ExpectedDefinitions(of),
    unverified: new ExpectedUnverified(of, cutoffUs),
  };
  const partitions = await foldAll(parts, params, expected);
  const fromUs = cutoffUs;
  const everything = { ...of, fromUs: -Infinity, untilUs: Infinity };
  const scope = { ...of, fromUs, untilUs: Infinity };
  // Of other partitions nothing is known; rows of another log look like those of this one.
  const exactFromUs = new Array<number>(parts.stream.partitions).fill(Infinity);
  for (const { partition, hasOtherLogs } of plan.partitions) {
    exactFromUs[partition] = hasOtherLogs ? Infinity : -Infinity;
  }
  const comparison = new RowComparison(tables, exactFromUs, { isDeep: true });
  for await (const rows of snapshot.samples(scope)) comparison.samples(rows);
  const samples = comparison.rows;
  for await (const rows of snapshot.histograms(scope)) comparison.histograms(rows);
  const counts = countRows(tables, {
    ...{ fromUs, untilUs: Infinity, exactFromUs, tenant: undefined, positions: [] },
    ...{ skipsMoved: false, refused: await refusedRows(snapshot), dropped: droppedOf(plan) },
  });
  await tellCounts(tables, counts, params);
  await tellRows(tables, comparison, params);
  const { partitions: all } = parts.stream;
  const where = { snapshot, partitions: all, exactFromUs, scope: everything };
  await tellStrange(comparison, params, where);
  const { narrowRetentionMs, wideRetentionMs } = settings;
  const keptFromUs = (widthUs: number): number => {
    const retentionMs = widthUs < HOUR_US ? narrowRetentionMs : wideRetentionMs;
    return plan.newestWatermarkUs - retentionMs * 1000;
  };
  for await (const pieces of snapshot.pieces(everything)) {
    parts.signal?.throwIfAborted();
    for (const piece of pieces) if (isOfPlan(plan, piece)) expected.pieces.compare(piece);
  }
  for await (const rows of snapshot.definitions(everything)) {
    for (const row of rows) expected.definitions.compare(row);
  }
  for await (const rows of snapshot.unverified(everything)) {
    for (const row of rows) {
      if (exactFromUs[row.partition] === -Infinity) expected.unverified.compare(row);
    }
  }
  await tellPieces(parts, expected.pieces, params.findings, keptFromUs);
  await tellDefinitions(parts, expected.definitions, params.findings);
  tellBeside(expected.unverified, params.findings);
  return {
    partitions,
    notProven: droppedText(counts),
    rows: {
      samples,
      histograms: comparison.rows - samples,
      pieces: expected.pieces.rows,
      definitions: expected.definitions.rows,
      unverified: expected.unverified.rows,
    },
  };
}

/** Of the partitions and logs that were folded. */
function isOfPlan({ partitions }: AuditPlan, { partition, piece }: StoredPiece): boolean {
  const one = partitions.find((plan) => plan.partition === partition);
  return one !== undefined && logNumberOf(piece) === one.logNumber;
}

async function foldAll(
  parts: AuditParts,
  { round, rounds }: RoundParams,
  expected: Expectations,
): Promise<DeepPartition[]> {
  const { stream, plan, settings, signal } = parts;
  const total = plan.partitions.reduce((sum, { mark }) => sum + mark.offset, 0);
  const partitions: DeepPartition[] = [];
  let before = 0;
  for (const one of plan.partitions) {
    const moves: ExpectedMoves = { toStored: 0, toDuplicate: 0 };
    const totals: DeepPartition['totals'] = new Map();
    let newest: LedgerEntry | undefined;
    expected.samples.begin(one.partition, moves);
    expected.pieces.begin(one.partition);
    expected.definitions.begin(one.partition);
    expected.unverified.begin(one.partition);
    const base = before;
    const folded = await foldPartition({
      ...{ stream, plan: one, waitMsMax: settings.logWaitMsMax, signal },
      onEntries: (entries, offset) => {
        expected.samples.take(entries, offset);
        expected.pieces.take(entries, offset);
        expected.definitions.take(entries, offset);
        expected.unverified.take(entries, offset);
        for (const entry of entries.ledger) {
          newest = entry;
          for (const some of entry.totals) totals.set(some.tenant, some);
        }
        parts.onProgress?.({ phase: 'log', round, rounds, done: base + offset, total });
      },
    });
    before += one.mark.offset;
    partitions.push({ ...folded, newest, totals, moves });
  }
  return partitions;
}
