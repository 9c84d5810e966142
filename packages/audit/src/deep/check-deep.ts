import type { AuditParts, CheckedReport } from '../audit-parts.ts';
import { Findings } from '../findings.ts';
import { shownLedger } from '../ledger/compare-ledger.ts';
import { redrivenGone } from '../letters/gone-letters.ts';
import { roundsOf } from '../plain-round.ts';
import { expiredNotes, type PartitionPlan } from '../plan.ts';
import { formatTimeUs, type PartitionReport } from '../report.ts';
import { SeriesNames } from '../series-names.ts';
import { checkCompletedWindows } from './check-completed-windows.ts';
import { checkReplaced } from '../partition-checks.ts';
import { compareTotals } from './compare-totals.ts';
import { deepRound } from './deep-round.ts';
import type { DeepPartition, DeepResult } from './deep-parts.ts';
import { storedJobs, type StoredJob } from './fold-job.ts';
import { findFoldStart, type FoldStart } from './fold-start.ts';
import { PastWindows } from './past-windows.ts';
import { tellStrangeLetters } from './tell-letters.ts';

/** Of samples only sums are held, and digests of pieces and definitions: about one for so many. */
const SAMPLES_OF_DIGEST = 8;

/** Folds the log with the production code, and compares every entry with what is stored. */
export async function checkDeep(parts: AuditParts): Promise<CheckedReport> {
  const { plan, settings, stream, signal } = parts;
  const findings = new Findings();
  const names = new SeriesNames(stream);
  const starts: FoldStart[] = [];
  for (const one of plan.partitions) {
    const { sinceUs } = settings;
    starts.push(await findFoldStart({ stream, plan: one, sinceUs, signal }));
  }
  const samplesMax = settings.samplesMax * SAMPLES_OF_DIGEST;
  const rounds = roundsOf(plan, { ...settings, samplesMax });
  const logIds = new Map(plan.partitions.map((one) => [one.partition, one.logId]));
  const { snapshot } = parts;
  const positions = await snapshot.positions();
  const past = new PastWindows(await snapshot.editions(), positions, logIds);
  const isKept = ({ job: { rules } }: StoredJob): boolean =>
    rules.rules.some(({ edition }) => !past.isDropped(edition));
  const jobs = (await storedJobs(stream, plan.partitions, positions)).filter(isKept);
  const results: DeepResult[] = [];
  for (let round = 0; round < rounds; round += 1) {
    results.push(
      await deepRound({ ...parts, starts, past, jobs }, { round, rounds, findings, names }),
    );
  }
  const isWhole = (partition: number): boolean =>
    plan.partitions.some((one, i) => one.partition === partition && starts[i]!.position === 0);
  tellStrangeLetters(parts, isWhole, findings);
  const notProven = [...results.flatMap((result) => result.notProven), ...parts.gone.text()];
  notProven.push(...unprovenBeside(parts, starts), ...past.text());
  const partitions = plan.partitions.map((one, i) => {
    const folded = results.map((result) => result.partitions[i]!);
    notProven.push(...unproven(one, starts[i]!, settings.sinceUs));
    const forgotten = redrivenGone(one, parts.letters);
    return checkPartition({ plan: one, start: starts[i]!, folded, forgotten, findings });
  });
  const rows: Record<string, number> = {};
  for (const result of results) {
    for (const [name, count] of Object.entries(result.rows)) rows[name] = (rows[name] ?? 0) + count;
  }
  const completed = await checkCompletedWindows(parts, starts, findings);
  Object.assign(rows, completed.rows);
  notProven.push(...completed.notProven);
  const notes = [...expiredNotes(plan), ...completed.notes];
  const found = findings.list();
  return {
    ...{ format: 1, outcome: found.length === 0 ? 'proven' : 'broken', mode: 'deep' },
    since: settings.sinceUs === undefined ? undefined : formatTimeUs(settings.sinceUs),
    ...{ until: undefined, tenant: undefined },
    partitions,
    ledger: plan.partitions.flatMap(({ totals }) => totals.map(shownLedger)),
    ...{ rows, notProven, notes, findings: found },
  };
}

function checkPartition(
  params: Readonly<{
    plan: PartitionPlan;
    start: FoldStart;
    /** Of each round; all have folded the same records. */
    folded: readonly DeepPartition[];
    /** Letters that were sent again and are not there any more. */
    forgotten: number;
    findings: Findings;
  }>,
): PartitionReport {
  const { plan, start, folded, forgotten, findings } = params;
  const { partition, logId, mark, position } = plan;
  const { to, samples } = folded[0]!;
  if (to < mark.offset) {
    findings.add('log_short', {
      ...{ partition, offset: to, expected: String(mark.offset), found: String(to) },
      message:
        `The log of partition ${partition} ends at position ${to}; the store has applied ` +
        `records up to ${mark.offset}.`,
    });
  } else if (plan.replacedAt !== undefined) {
    checkReplaced(plan, findings);
  } else if (position !== undefined && position >= start.position) {
    compareTotals(plan, folded, findings, { isWhole: start.position === 0, forgotten });
  }
  const { madeAtUs } = start;
  return {
    ...{ partition, logId, from: start.position, to: Math.min(to, mark.offset), position },
    checkpoint: madeAtUs === undefined ? undefined : formatTimeUs(madeAtUs),
    ...{ records: to - start.position, samples, appendedAgain: 0 },
  };
}

function unproven(
  { partition, mark, hasOtherLogs, position }: PartitionPlan,
  start: FoldStart,
  sinceUs = Infinity,
): string[] {
  const sentences: string[] = [];
  if (mark.offset === 0) sentences.push(`Partition ${partition}: nothing of it is stored yet.`);
  if (hasOtherLogs) {
    sentences.push(
      `Partition ${partition}: the store has rows of another log as well; it is proven that ` +
        'none of this one is missing, and not that none is too many.',
    );
  }
  if (start.position === 0) return sentences;
  if (start.partitionTimeUs > sinceUs) {
    sentences.push(
      `Partition ${partition}: no checkpoint of before ${formatTimeUs(sinceUs)} is of use any ` +
        `more; the fold began with one of ${formatTimeUs(start.partitionTimeUs)}.`,
    );
  }
  sentences.push(
    `Partition ${partition}: what records below ${start.position} put out was not compared: the ` +
      'fold began with a checkpoint. Of samples up to ' +
      `${formatTimeUs(start.largestTimeUs)} it is proven that none of the records from there on ` +
      'is missing, and not that none is too many.',
  );
  sentences.push(
    `Partition ${partition}: of its metadata, dead letters and unverified samples that are kept ` +
      'beside it is proven that none is missing, and not that none is too many; what the store ' +
      'counted of unverified samples that turned out stored or duplicates was not compared.',
  );
  if ((position ?? 0) < start.position) {
    sentences.push(
      `Partition ${partition}: the store's ledger is of before the checkpoint, and was not compared.`,
    );
  }
  return sentences;
}

/** What all partitions have together: one of which not all is known leaves it open. */
function unprovenBeside({ stream, plan }: AuditParts, starts: readonly FoldStart[]): string[] {
  const sentences: string[] = [];
  const seenUs = Math.max(...starts.map(({ partitionTimeUs }) => partitionTimeUs));
  if (seenUs !== -Infinity) {
    sentences.push(
      `Of series that were seen before ${formatTimeUs(seenUs)} neither the kind was compared nor ` +
        'exactly when they were seen first and last: a fold began with a checkpoint.',
    );
  }
  const isSome = plan.partitions.length < stream.partitions;
  if (seenUs !== -Infinity || isSome) {
    sentences.push(
      `Of exemplars and editions${isSome ? ', and of definitions of series,' : ''} it is proven ` +
        'that none of what was folded is missing, and not that none is too many.',
    );
  }
  return sentences;
}
