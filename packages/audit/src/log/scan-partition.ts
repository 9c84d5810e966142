import { readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord, type FoldSettings } from '@millrace/wire';
import type { PartitionPlan } from '../plan.ts';
import type { CountScope, LogTables } from './record-slots.ts';
import { PartitionCount } from './partition-count.ts';
import type { ReceiverCount } from './receiver-counts.ts';
import type { RulesSource } from './rules-in-force.ts';
import type { Tally } from './tally.ts';

/** What is left of a scan; the tables it filled are not, or rounds would add up. */
export interface ScannedPartition {
  logId: string | undefined;
  records: number;
  /** Samples of all of them, in the part of the series that was looked at. */
  samples: number;
  /** Samples of records that the log holds twice. */
  appendedAgain: number;
  /** Receivers of which something is missing. */
  incomplete: readonly ReceiverCount[];
  /** The position behind the last record that was read. */
  to: number;
  /** As of the ledger's position, by tenant. */
  tallies: ReadonlyMap<string, Tally>;
  lostSamples: number;
  /** Samples came whose labels may lie in records that are not held any more. */
  hasUnlabelled: boolean;
  /** Samples came whose labels may have been forgotten. */
  hasForgettable: boolean;
  /** Rows older than this may come from before what the log holds; -Infinity: none can. */
  exactFromUs: number;
}

export interface ScanParams {
  stream: Stream;
  plan: PartitionPlan;
  tables: LogTables;
  scope: CountScope;
  /** The rules before the first record that is held, where the log lacks its beginning. */
  rulesBefore: RulesSource | undefined;
  waitMsMax: number;
  onRecord: () => void;
  signal?: AbortSignal | undefined;
}

/** Counts what the log of one partition holds, up to what the store has applied. */
export async function scanPartition(params: ScanParams): Promise<ScannedPartition> {
  const { stream, plan, tables, scope, rulesBefore, waitMsMax, onRecord, signal } = params;
  const { partition, start, mark, position } = plan;
  const count = new PartitionCount(partition, start, tables, scope);
  if (rulesBefore !== undefined) count.rules.force(rulesBefore);
  // Of the record at the mark, a part may be applied.
  const end = mark.ordinal > 0 ? mark.offset + 1 : mark.offset;
  let tallies: ReadonlyMap<string, Tally> | undefined;
  let lostSamples: number | undefined;
  let firstAppendUs: number | undefined;
  let to = start;
  const range = {
    topic: TOPIC_EVENTS,
    partition,
    from: start,
    to: end,
    waitMsMax,
    signal,
  } as const;
  for await (const { offset, appendTimeUs, payload } of readRecords(stream, range)) {
    if (offset === position) {
      tallies = count.tallies();
      lostSamples = count.receivers.lostSamples;
    }
    firstAppendUs ??= appendTimeUs;
    count.count(decodeEventsRecord(payload), { offset, appendTimeUs }, offset >= mark.offset);
    to = offset + 1;
    onRecord();
  }
  const samples = [...count.tallies().values()].reduce((sum, { accepted }) => sum + accepted, 0);
  const isWhole = start === 0 && !plan.hasOtherLogs;
  return {
    ...{ to, samples, logId: count.logId, records: count.records },
    ...{ appendedAgain: count.appendedAgain, incomplete: count.receivers.incomplete() },
    tallies: tallies ?? count.tallies(),
    hasUnlabelled: count.hasUnlabelled,
    hasForgettable: count.hasForgettable,
    lostSamples: lostSamples ?? count.receivers.lostSamples,
    exactFromUs: isWhole ? -Infinity : exactFrom(firstAppendUs, count.rules.settings),
  };
}

/** A sample before the first record cannot lie further ahead than it was allowed to. */
function exactFrom(firstAppendUs: number | undefined, settings: FoldSettings | undefined): number {
  if (firstAppendUs === undefined) return Infinity;
  return firstAppendUs + (settings?.futureSkewUs ?? 0) + (settings?.appendCapUs ?? 0);
}
