import { ADDRESS_ZERO, type Address } from '@millrace/model';
import type { StoredExpiry, StoredPosition, StoredTotals, StoreSnapshot } from '@millrace/store';
import { EXPIRING_TABLES } from '@millrace/store';
import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord, LIVE_SOURCE } from '@millrace/wire';
import { findReplaced } from './find-replaced.ts';
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
  /** A record that took the place of one that is counted; see `findReplaced`. */
  replacedAt: number | undefined;
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
  /** Samples that the log holds, at most: how big it will be. */
  held: number;
}

/** Takes the store's own word for how far it is and what it deleted; everything else is checked against the log. */
export async function planAudit(
  stream: Stream,
  snapshot: StoreSnapshot,
  wanted: Readonly<{
    /** Undefined: all partitions. */
    partition: number | undefined;
    samplesMax: number;
    logWaitMsMax: number;
    signal?: AbortSignal | undefined;
  }>,
): Promise<AuditPlan> {
  const { partition: only } = wanted;
  const positions = await snapshot.positions();
  const totals = await snapshot.totals();
  const partitions: PartitionPlan[] = [];
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    if (only !== undefined && only !== partition) continue;
    const { start } = await stream.bounds(TOPIC_EVENTS, partition);
    const live = positions.filter(
      (one) => one.partition === partition && one.source === LIVE_SOURCE,
    );
    const newest = live.toSorted((a, b) => a.logNumber - b.logNumber).at(-1);
    const waits = { waitMsMax: wanted.logWaitMsMax, signal: wanted.signal };
    const replacedAt = newest && (await findReplaced(stream, newest, waits));
    const planned = { partition, start, newest, totals, hasOtherLogs: live.length > 1 };
    partitions.push({ ...planPartition(planned), replacedAt });
  }
  return {
    partitions,
    expired: await snapshot.expired(),
    held: await heldSamples(stream, partitions, wanted),
  };
}

/** The ledgers count also what the log has forgotten: where that matters, it is counted anew. */
async function heldSamples(
  stream: Stream,
  partitions: readonly PartitionPlan[],
  wanted: Readonly<{
    samplesMax: number;
    logWaitMsMax: number;
    signal?: AbortSignal | undefined;
  }>,
): Promise<number> {
  const { samplesMax, logWaitMsMax: waitMsMax, signal } = wanted;
  const counts = partitions.map(({ totals }) => totals.reduce((sum, one) => sum + one.accepted, 0));
  const all = (): number => counts.reduce((sum, count) => sum + count, 0);
  for (const [i, { partition, start, mark }] of partitions.entries()) {
    if (start === 0 || all() <= samplesMax) continue;
    const range = { topic: TOPIC_EVENTS, partition, from: start, to: mark.offset } as const;
    let held = 0;
    for await (const { payload } of readRecords(stream, { ...range, waitMsMax, signal })) {
      const record = decodeEventsRecord(payload);
      if ('values' in record) held += record.values.length;
    }
    counts[i] = Math.min(counts[i]!, held);
  }
  return all();
}

function planPartition(
  params: Readonly<{
    partition: number;
    start: number;
    newest: StoredPosition | undefined;
    hasOtherLogs: boolean;
    totals: readonly StoredTotals[];
  }>,
): Omit<PartitionPlan, 'replacedAt'> {
  const { partition, start, newest, totals, hasOtherLogs } = params;
  const logId = newest?.logId;
  return {
    ...{ partition, start, logId, logNumber: newest?.logNumber ?? 1 },
    mark: newest?.mark ?? ADDRESS_ZERO,
    position: newest?.position,
    hasOtherLogs,
    totals: totals.filter(
      (one) => one.partition === partition && one.source === LIVE_SOURCE && one.logId === logId,
    ),
  };
}

/** What was not compared because it may be deleted; nothing when nothing was. */
export function expiredNotes({ expired }: AuditPlan): string[] {
  return EXPIRING_TABLES.filter((table) => expired.beforeUs(table) !== -Infinity).map((table) => {
    const of = expired.isAlike(table) ? '' : ' of some tenants or rules';
    const before = formatTimeUs(expired.beforeUs(table));
    return (
      `Rows of ${table}${of} before ${before} were past their retention and may be deleted: none ` +
      'of them is missed.'
    );
  });
}
