import {
  newestFirst,
  readCheckpoint,
  whyUnusable,
  type PlacedManifest,
} from '@millrace/checkpoint';
import type { LedgerTotals } from '@millrace/model';
import { errorKind, errorText, MillraceError } from '@millrace/runtime';
import type { StoredMetadata } from '@millrace/store';
import { readRecord, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { STATE_VERSIONS_READ } from '@millrace/transformer';
import { loadPages, newPartitionHead, type LoadedState } from '@millrace/transformer/fold';
import { decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import type { PartitionPlan } from '../plan.ts';

/** Where the fold of one partition begins: at the beginning of the log, or at a checkpoint. */
export interface FoldStart {
  position: number;
  /** When the checkpoint was made; undefined: it is the beginning of the log. */
  madeAtUs: number | undefined;
  /** No sample from before has a later time; -Infinity: there is none. */
  largestTimeUs: number;
  /** Of the record before. */
  partitionTimeUs: number;
  /** What the ledger must say of tenants of which nothing more is put out. */
  totals: readonly LedgerTotals[];
  /** Of metrics, as it was put out before. */
  metadata: readonly StoredMetadata[];
  /** The state there, anew for each fold. */
  load(): Promise<LoadedState>;
}

interface Wanted {
  stream: Stream;
  plan: PartitionPlan;
  /** What was put out by then need not be compared. */
  sinceUs: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A sample without a time of its own lies so far behind the largest time at most. */
const MOVED_US_MAX = 1000;
/** It was there a moment ago, or the log is empty. */
const FIRST_RECORD_MS_MAX = 500;

/**
 * The newest usable checkpoint that is not behind what is to be compared. Without a time to begin
 * at that is the beginning of the log; where the log holds it no more, the oldest usable one.
 *
 * @throws MillraceError AUDIT_LOG_CUT when the log lacks its beginning, and there is none.
 */
export async function findFoldStart(wanted: Wanted): Promise<FoldStart> {
  const { plan, sinceUs } = wanted;
  const isWhole = plan.start === 0;
  if (plan.logId === undefined) return beginningOf(plan);
  if (isWhole) await checkLog(wanted, plan.logId);
  if (isWhole && sinceUs === undefined) return beginningOf(plan);
  const passedOver: string[] = [];
  const usable = await usableCheckpoints(wanted, passedOver);
  for (const placed of inOrder(usable, sinceUs, isWhole)) {
    try {
      return await startAt(wanted, placed);
    } catch (error) {
      if (errorKind(error) !== 'permanent') throw error;
      passedOver.push(`the one at ${placed.manifest.position}: ${errorText(error)}`);
    }
  }
  if (isWhole) return beginningOf(plan);
  throw logCut(plan, passedOver);
}

/** Of another log the fold would be another one: everything stored would look like too much. */
async function checkLog({ stream, plan, signal }: Wanted, logId: string): Promise<void> {
  const { partition, mark } = plan;
  const at = {
    topic: TOPIC_EVENTS,
    partition,
    offset: 0,
    waitMsMax: FIRST_RECORD_MS_MAX,
    signal,
  } as const;
  const first = await readRecord(stream, at);
  const record = first === undefined ? undefined : decodeEventsRecord(first.payload);
  if (record === undefined && mark.offset === 0) return;
  const found = record?.kind === EventsRecordKind.log ? record.logId : undefined;
  if (found !== logId) throw otherLog(partition, logId, found);
}

function beginningOf({ logId, logNumber }: PartitionPlan): FoldStart {
  return {
    ...{ position: 0, madeAtUs: undefined, totals: [], metadata: [] },
    ...{ largestTimeUs: -Infinity, partitionTimeUs: -Infinity },
    load: async () => ({ head: newPartitionHead(logId ?? '', logNumber), tables: undefined }),
  };
}

/** Newest first: those of the store's log that are not ahead of it, and whose events are there. */
async function usableCheckpoints(
  { stream, plan, signal }: Wanted,
  passedOver: string[],
): Promise<PlacedManifest[]> {
  const { partition, mark, logId } = plan;
  const place = { stream, partition, ...(signal === undefined ? {} : { signal }) };
  const usable: PlacedManifest[] = [];
  for await (const placed of newestFirst(place)) {
    const { manifest } = placed;
    const why =
      manifest.logId !== logId
        ? `it is of log ${manifest.logId}`
        : manifest.position > mark.offset
          ? `the store is at ${mark.offset} only`
          : await whyUnusable(place, manifest, STATE_VERSIONS_READ);
    if (why === undefined) usable.push(placed);
    else passedOver.push(`the one at ${manifest.position}: ${why}`);
  }
  return usable;
}

/** The best one first; of no use are those behind what is to be compared, if all else is there. */
function inOrder(
  newestToOldest: readonly PlacedManifest[],
  sinceUs: number | undefined,
  isWhole: boolean,
): PlacedManifest[] {
  const isBefore = ({ manifest }: PlacedManifest): boolean =>
    sinceUs !== undefined && manifest.partitionTimeUs <= sinceUs;
  const byPosition = newestToOldest.toSorted((a, b) => a.manifest.position - b.manifest.position);
  const before = byPosition.filter(isBefore).toReversed();
  return isWhole ? before : [...before, ...byPosition.filter((placed) => !isBefore(placed))];
}

async function startAt(
  { stream, plan, signal }: Wanted,
  placed: PlacedManifest,
): Promise<FoldStart> {
  const { partition, logId } = plan;
  const place = { stream, partition, ...(signal === undefined ? {} : { signal }) };
  const { position, madeAtUs } = placed.manifest;
  const load = async (): Promise<LoadedState> => loadPages(await readCheckpoint(place, placed));
  const { head, tables } = await load();
  if (head.position !== position || head.logId !== logId) {
    throw new MillraceError({
      code: 'AUDIT_CHECKPOINT_ELSEWHERE',
      kind: 'permanent',
      message:
        `The state in a checkpoint of partition ${partition} is at ${head.position} of log ` +
        `${head.logId}; its manifest says ${position} of log ${logId}. It was passed over.`,
    });
  }
  const [totals, changed] = tables?.ledger.save() ?? [[], []];
  return {
    ...{ position, madeAtUs, load, partitionTimeUs: head.partitionTimeUs },
    largestTimeUs: head.largestTimeUs + MOVED_US_MAX,
    totals: totals.filter(({ tenant }) => !changed.includes(tenant)),
    metadata: [...(tables?.metadata.all() ?? [])],
  };
}

function logCut({ partition, start }: PartitionPlan, passedOver: readonly string[]): MillraceError {
  const why =
    passedOver.length === 0
      ? 'and metrics.checkpoints holds none'
      : `and no checkpoint is of use (${passedOver.slice(0, 3).join('; ')})`;
  return new MillraceError({
    code: 'AUDIT_LOG_CUT',
    kind: 'permanent',
    message:
      `Partition ${partition} cannot be folded again: its log begins at offset ${start}, because ` +
      `what is before is past its retention, ${why}. Nothing was changed.`,
    remedy:
      'Run "millrace checkpoint now": once the store has gone past it, --deep begins there. ' +
      'Without --deep the audit compares all that the log still holds.',
  });
}

function otherLog(partition: number, logId: string, found: string | undefined): MillraceError {
  const is = found === undefined ? 'does not begin as a log does' : `is log ${found}`;
  return new MillraceError({
    code: 'AUDIT_OTHER_LOG',
    kind: 'permanent',
    message:
      `Partition ${partition} of metrics.events ${is}; the store's rows are of log ${logId}. ` +
      'Nothing was compared, and nothing was changed.',
    remedy: 'Check that log and database belong together: brokers, topic prefix, data directory.',
  });
}
