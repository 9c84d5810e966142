import { ADDRESS_ZERO, type Address } from '@millrace/model';
import type { StoredPosition, StoredTotals, StoreSnapshot } from '@millrace/store';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { LIVE_SOURCE } from '@millrace/transformer';

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
  /** Of all partitions and logs; -Infinity: none was told yet. */
  newestWatermarkUs: number;
  /** Samples that the ledgers count: how big it will be. */
  accepted: number;
}

/** Takes the store's own word for how far it is; everything else is checked against the log. */
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
    newestWatermarkUs: Math.max(...positions.map(({ watermarkUs = -Infinity }) => watermarkUs)),
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
