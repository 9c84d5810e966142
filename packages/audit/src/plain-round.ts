import type { AuditParts, AuditProgress } from './audit-parts.ts';
import type { AuditSettings } from './audit-settings.ts';
import type { LogTables } from './log/record-slots.ts';
import { rulesBefore } from './log/rules-before.ts';
import { scanPartition, type ScannedPartition } from './log/scan-partition.ts';
import { readKeptRows } from './kept-rows.ts';
import type { AuditPlan } from './plan.ts';
import { RecordList } from './record-list.ts';
import { RowComparison } from './rows/compare-rows.ts';
import { compareUnverified } from './rows/compare-unverified.ts';
import { matchMoved } from './rows/match-moved.ts';
import { countRows, type Settled } from './rows/missing-rows.ts';
import { tellCounts, tellRows, tellStrange, type Teller } from './rows/tell-rows.ts';
import { SampleTable } from './sample-table.ts';
import { SeriesBit, SeriesTable } from './series-table.ts';

export interface RoundResult {
  /** In the order of the plan. */
  partitions: ScannedPartition[];
  rows: Record<'samples' | 'histograms' | 'unverified' | 'older', number>;
  settled: readonly Settled[];
  notProven: string[];
}

export interface RoundParams extends Teller {
  readonly round: number;
  readonly rounds: number;
}

/** So many rounds, each with a part of the series, that no round holds more than it may. */
export function roundsOf(plan: AuditPlan, { samplesMax }: AuditSettings): number {
  return Math.max(1, Math.ceil(plan.held / samplesMax));
}

const PROGRESS_EVERY = 256;
const MET = 'Rows of series whose samples have no time of their own: too many met one another.';
const UNLABELLED =
  'Series whose labels lie in records that are gone, until they are defined again: what rules do ' +
  'with them is not known.';
const FORGETTABLE =
  'Series whose labels were defined last so long ago, or beside so much, that they may be ' +
  'forgotten: each of their samples is stored or a dead letter, and which of both is not known.';
const AWAY = 'Series that a rule does not keep raw: their samples are in windows, see --deep.';

/** Reads the whole log and the whole store, and compares the series of one part. */
export async function checkRound(parts: AuditParts, params: RoundParams): Promise<RoundResult> {
  const { plan, settings, snapshot, letters, gone } = parts;
  const { round, rounds } = params;
  const scope = { slices: rounds, slice: round };
  const tables: LogTables = {
    series: new SeriesTable(),
    samples: new SampleTable(Math.ceil((plan.held / rounds) * 1.02)),
    records: new RecordList(),
    tenants: [],
  };
  const partitions = await scanAll(parts, params, tables);
  const exactFromUs: number[] = [];
  plan.partitions.forEach(({ partition }, i) => {
    exactFromUs[partition] = partitions[i]!.exactFromUs;
  });
  const kept = await readKeptRows(snapshot, plan.expired, scope);
  const fromUs = Math.max(settings.sinceUs ?? -Infinity, kept.rawLeastUs);
  const untilUs = settings.untilUs ?? Infinity;
  const comparison = new RowComparison(tables, exactFromUs, { ...settings, kept });
  const read = { ...scope, fromUs, untilUs };
  const report = progressOf(parts, params, 'store', tables.samples.size);
  for await (const rows of snapshot.samples(read)) {
    parts.signal?.throwIfAborted();
    comparison.samples(rows);
    report(comparison.rows);
  }
  const samples = comparison.rows;
  for await (const rows of snapshot.histograms(read)) comparison.histograms(rows);
  const beside = await compareUnverified(snapshot, tables, {
    ...{ scope: read, exactFromUs, findings: params.findings },
  });
  const { moved } = comparison;
  const skipsMoved = moved.count > moved.kept.length;
  if (!skipsMoved) {
    for (const row of matchMoved(comparison, tables)) comparison.unexpected.add(row);
  }
  const counts = countRows(tables, {
    ...{ fromUs, untilUs, kept, exactFromUs, tenant: settings.tenant },
    positions: positionsOf(plan),
    ...{ skipsMoved, excuses: { letters, gone, isByArrival: false } },
  });
  await tellCounts(tables, counts, params);
  await tellRows(tables, comparison, params);
  const { partitions: all } = parts.stream;
  await tellStrange(comparison, params, { snapshot, partitions: all, exactFromUs, scope: read });
  return {
    partitions,
    rows: {
      ...{ samples, histograms: comparison.rows - samples, unverified: beside },
      older: comparison.older,
    },
    settled: counts.settled,
    notProven: [
      ...(skipsMoved ? [MET] : []),
      ...(partitions.some(({ hasUnlabelled }) => hasUnlabelled) ? [UNLABELLED] : []),
      ...(partitions.some(({ hasForgettable }) => hasForgettable) ? [FORGETTABLE] : []),
      ...(hasAway(tables) ? [AWAY] : []),
    ],
  };
}

function hasAway({ series }: LogTables): boolean {
  return series.bits.subarray(0, series.size).some((bits) => (bits & SeriesBit.away) !== 0);
}

function positionsOf({ partitions }: AuditPlan): (number | undefined)[] {
  const positions: (number | undefined)[] = [];
  for (const { partition, position } of partitions) positions[partition] = position;
  return positions;
}

async function scanAll(
  parts: AuditParts,
  params: RoundParams,
  tables: LogTables,
): Promise<ScannedPartition[]> {
  const { plan, settings, stream, signal } = parts;
  const total = plan.partitions.reduce(
    (sum, { mark, start }) => sum + Math.max(0, mark.offset - start),
    0,
  );
  const report = progressOf(parts, params, 'log', total);
  const scope = {
    ...{ slices: params.rounds, slice: params.round },
    ...{ fromUs: settings.sinceUs ?? -Infinity, untilUs: settings.untilUs ?? Infinity },
  };
  const partitions: ScannedPartition[] = [];
  let read = 0;
  for (const one of plan.partitions) {
    const { logWaitMsMax: waitMsMax } = settings;
    const before = await rulesBefore(stream, one, waitMsMax);
    const onRecord = (): void => {
      read += 1;
      if (read % PROGRESS_EVERY === 0) report(read);
    };
    partitions.push(
      await scanPartition({
        stream,
        plan: one,
        tables,
        scope,
        rulesBefore: before,
        waitMsMax,
        onRecord,
        signal,
      }),
    );
  }
  report(total);
  return partitions;
}

function progressOf(
  parts: AuditParts,
  { round, rounds }: RoundParams,
  phase: AuditProgress['phase'],
  total: number,
): (done: number) => void {
  return (done) => parts.onProgress?.({ phase, round, rounds, done: Math.min(done, total), total });
}
