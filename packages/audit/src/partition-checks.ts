import type { Findings } from './findings.ts';
import type { ScannedPartition } from './log/scan-partition.ts';
import { Tally } from './log/tally.ts';
import type { Settled } from './rows/missing-rows.ts';
import type { PartitionPlan } from './plan.ts';
import { formatTimeUs, type PartitionReport } from './report.ts';

export interface CheckedPartition {
  report: PartitionReport;
  /** Of all rounds together. */
  tallies: Map<string, Tally>;
  /** Whether the log still has everything that the ledger counts. */
  isLedgerKnown: boolean;
  notProven: string[];
  notes: string[];
}

/** What concerns the partition as a whole: ends, positions, receivers. */
export function checkPartition(
  params: Readonly<{
    plan: PartitionPlan;
    /** Of each round; all have read the same records. */
    scanned: readonly ScannedPartition[];
    settled: readonly Settled[];
    findings: Findings;
  }>,
): CheckedPartition {
  const { plan, scanned, settled, findings } = params;
  const { partition, start, mark, position } = plan;
  const [first] = scanned;
  const { to, exactFromUs, records, appendedAgain } = first!;
  const tallies = sumOf(scanned);
  for (const one of settled) {
    if (one.partition === partition) tallies.get(one.tenant)?.settle(one);
  }
  checkEnds(plan, first!, findings);
  return {
    tallies,
    isLedgerKnown: start === 0 && (position ?? 0) <= to,
    report: {
      ...{ partition, logId: plan.logId, from: start, to: Math.min(to, mark.offset) },
      ...{ checkpoint: undefined, position },
      samples: scanned.reduce((sum, one) => sum + one.samples, 0),
      ...{ records, appendedAgain },
    },
    notProven: unproven(plan, exactFromUs),
    notes: tellReceivers(plan, first!, findings),
  };
}

function sumOf(scanned: readonly ScannedPartition[]): Map<string, Tally> {
  const sum = new Map<string, Tally>();
  for (const { tallies } of scanned) {
    for (const [tenant, tally] of tallies) {
      const known = sum.get(tenant);
      if (known === undefined) sum.set(tenant, tally.copy());
      else known.add(tally);
    }
  }
  return sum;
}

function checkEnds(plan: PartitionPlan, scanned: ScannedPartition, findings: Findings): void {
  const { to } = scanned;
  const { partition, mark, position, logId } = plan;
  const end = mark.ordinal > 0 ? mark.offset + 1 : mark.offset;
  if (to < end) {
    findings.add('log_short', {
      ...{ partition, offset: to, expected: String(end), found: String(to) },
      message:
        `The log of partition ${partition} ends at position ${to}; the store has applied ` +
        `records up to ${end}. Records that were acknowledged are gone.`,
    });
  }
  const isOther = scanned.logId !== undefined && logId !== undefined && scanned.logId !== logId;
  if (!isOther) checkReplaced(plan, findings);
  if (position !== undefined && position > mark.offset) {
    findings.add('position_ahead', {
      ...{ partition, offset: position, expected: String(mark.offset), found: String(position) },
      message:
        `The ledger of partition ${partition} counts records up to ${position}, beyond the ` +
        `mark ${mark.offset}.${mark.ordinal}.`,
    });
  }
  if (isOther) {
    findings.add('other_log', {
      ...{ partition, offset: 0, expected: logId, found: scanned.logId },
      message:
        `Partition ${partition} of the log is log ${scanned.logId}; the store's rows are of ` +
        `log ${logId}.`,
    });
  }
}

/** What the store has of a log that took another end since is not what that log says. */
export function checkReplaced({ partition, replacedAt }: PartitionPlan, findings: Findings): void {
  if (replacedAt === undefined) return;
  findings.add('log_short', {
    ...{ partition, offset: replacedAt },
    message:
      `Record ${replacedAt} of partition ${partition} is not the one that the store has there, ` +
      'by its digest or its time: the log lost its end, and other records took its place.',
  });
}

/** Holes are no loss by themselves: what was never acknowledged may be missing. */
function tellReceivers(
  { partition, start }: PartitionPlan,
  { incomplete }: ScannedPartition,
  findings: Findings,
): string[] {
  const notes: string[] = [];
  for (const { receiver, holes, lostSamples, toldAt } of incomplete) {
    const sequences = holes.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
    if (holes.length > 0 && start === 0) {
      notes.push(
        `Partition ${partition}: receiver ${receiver} numbered records that the log does not ` +
          `hold: ${sequences.slice(0, 5).join(', ')}${sequences.length > 5 ? ', …' : ''}.`,
      );
    }
    if (lostSamples === 0) continue;
    findings.add('records_lost', {
      ...{ partition, offset: toldAt, found: `${lostSamples} samples` },
      message:
        `The log of partition ${partition} lacks ${lostSamples} samples that receiver ` +
        `${receiver} knew to be durable at offset ${toldAt}` +
        `${sequences.length === 0 ? '' : `: its records ${sequences.slice(0, 5).join(', ')}`}.`,
    });
  }
  return notes;
}

function unproven(plan: PartitionPlan, exactFromUs: number): string[] {
  const { partition, start, mark, position, hasOtherLogs } = plan;
  const sentences: string[] = [];
  if (mark.offset === 0) sentences.push(`Partition ${partition}: nothing of it is stored yet.`);
  else if (position === undefined) {
    sentences.push(`Partition ${partition}: no ledger was published yet.`);
  }
  if (start > 0) {
    sentences.push(
      `Partition ${partition}: records below offset ${start} are past the retention of the log, ` +
        'so its ledger cannot be counted again.',
    );
  }
  if (exactFromUs !== -Infinity) {
    const why = hasOtherLogs
      ? 'another log, or from records that are gone'
      : 'records that are gone';
    sentences.push(
      `Partition ${partition}: rows before ${formatTimeUs(exactFromUs)} may come from ${why}; of ` +
        'those it is proven that no sample of the log is missing.',
    );
  }
  return sentences;
}
