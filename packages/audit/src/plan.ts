import { ADDRESS_ZERO, type Address } from '@millrace/model';
import type { StoredExpiry, StoredPosition, StoredTotals, StoreSnapshot } from '@millrace/store';
import { EXPIRING_TABLES } from '@millrace/store';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { LIVE_SOURCE } from '@millrace/transformer';
import { formatTimeUs } from './report.ts';

/** What is to be looked at in one partition. */
export interface PartitionPlan {
  partition: number;
  /** The log that the store goes on with; undefined: nothing of the partition is stored. */
  logId: string | undefined;
  logNumber: number;
  mark: Address;
  /** Records below it are counted in the ledger. */
  position: number | undefined;
  /** First record of the log that is still held. */
  start: number;
  /** The store has rows of other logs as well. */
  hasOtherLogs: boolean;
  /** Of this log. */
  totals: readonly StoredTotals[];
}

export interface AuditPlan {
  partitions: PartitionPlan[];
  /** What the store has deleted, because it was past its retention. */
  expired: StoredExpiry;
  /** Samples that the ledgers count: how big it will be. */
  accepted: number;
}

/** Takes the store's own word for how far it is and what it deleted; everything else is checked against the log. */
export async function planAudit(
  stream: Stream,
  snapshot: StoreSnapshot,
  only: number | undefined,
): Promise<AuditPlan> {
  const positions = await snapshot.positions();
  const totals = await snapshot.totals();
  const partitions: PartitionPlan[] = [];
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    if (only !== undefined && only !== partition) continue;
    const { start } = await stream.bounds(TOPIC_EVENTS, partition);
    const live = positions.filter(
      (one) => one.partition === partition && one.source === LIVE_SOURCE,
    );
    partitions.push(planPartition({ partition, start, live, totals }));
  }
  const counted = partitions.flatMap((one) => one.totals);
  return {
    partitions,
    expired: await snapshot.expired(),
    accepted: counted.reduce((sum, { accepted }) => sum + accepted, 0),
  };
}

function planPartition(
  params: Readonly<{
    partition: number;
    start: number;
    live: readonly StoredPosition[];
    totals: readonly StoredTotals[];
  }>,
): PartitionPlan {
  const { partition, start, live, totals } = params;
  const newest = live.toSorted((a, b) => a.logNumber - b.logNumber).at(-1);
  const logId = newest?.logId;
  return {
    ...{ partition, start, logId, logNumber: newest?.logNumber ?? 1 },
    mark: newest?.mark ?? ADDRESS_ZERO,
    position: newest?.position,
    hasOtherLogs: live.length > 1,
    totals: totals.filter(
      (one) => one.partition === partition && one.source === LIVE_SOURCE && one.logId === logId,
    ),
  };
}

/** Samples and histograms with earlier times may have been deleted. */
export function rawKeptFromUs({ expired }: AuditPlan): number {
  return Math.max(expired.samples, expired.histograms);
}

/** What was not compared because it may be deleted; nothing when nothing was. */
export function expiredNotes({ expired }: AuditPlan): string[] {
  return EXPIRING_TABLES.filter((table) => expired[table] !== -Infinity).map((table) => {
    return (
      `Rows of ${table} before ${formatTimeUs(expired[table])} were past their retention and may ` +
      'be deleted: none of them is missed.'
    );
  });
}
