import { JOB_OVER_POSITION } from '@millrace/control';
import { readEvent, recordDigest } from '@millrace/checkpoint';
import {
  commitRefOf,
  isCorruptState,
  type CommitRef,
  type CommittedState,
  type StateStore,
} from '@millrace/state';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeSoundMsgpack } from '@millrace/wire';
import { encode } from '@msgpack/msgpack';
import { headOfPages } from '../fold/partition-state.ts';
import { wholeFromUs, type Job } from './job.ts';
import { LogCutError, type LogCut } from './job-errors.ts';
import { beginJob } from './job-start.ts';
import { continueJob, type OpenedJob } from './job-state.ts';
import { findLogId, logIdOf } from '../log-id.ts';

/** Beside the pages of the state: what is known of where it ends. */
const END_KEY = 'job';
/** All that is left of a job that is over. */
const OVER_KEY = 'over';
/** What stands there instead when the log does not reach back as far as it has to begin. */
const CUT_KEY = 'cut';
/** Of a job that never began, while nobody can tell the log's. */
const NO_LOG_ID = 'none';

interface PlaceParts {
  stream: Stream;
  store: StateStore;
  partition: number;
  recordBytesMax: number;
  signal: AbortSignal;
  onDiscarded: (why: string) => void;
}

/** A job that can be folded on, and what is committed of it. */
export interface FoundJob extends OpenedJob {
  committed: CommitRef | undefined;
  endPosition: number;
  /** What has to be committed before anything else is, once all before it is published. */
  first: ReadonlyMap<string, Uint8Array | undefined> | undefined;
}

/**
 * Finds a job as it was left, or begins it. `over`: there is nothing left to do; undefined: there
 * is no log yet.
 *
 * @throws MillraceError REPROCESS_LOG_CUT; what log and state throw.
 */
export async function findJob(parts: PlaceParts, job: Job): Promise<FoundJob | 'over' | undefined> {
  const { stream, partition } = parts;
  const committed = await loadSound(parts);
  if (committed !== undefined) {
    const cut = readCut(committed, partition, job);
    // What is gone does not come back: looking for it reads every checkpoint.
    if (cut !== undefined && committed.logId === (await findLogId(parts))) {
      throw new LogCutError(cut);
    }
    const known = await continued(parts, job, committed);
    if (known === 'over' || !('useless' in known)) return known;
    if (cut === undefined) parts.onDiscarded(known.useless);
  }
  const begun = await begin(parts, job, committed);
  if (begun === undefined) return undefined;
  const { end: endPosition } = await stream.bounds(TOPIC_EVENTS, partition);
  const first = new Map<string, Uint8Array | undefined>(begun.pages);
  first.set(END_KEY, encode(endPosition));
  for (const key of committed?.pages.keys() ?? []) if (!first.has(key)) first.set(key, undefined);
  const at = committed && commitRefOf(committed);
  const { fold, builder } = begun;
  return { fold, builder, committed: at, endPosition, first };
}

/** Otherwise why the state is of no use. */
async function continued(
  parts: PlaceParts,
  job: Job,
  committed: CommittedState,
): Promise<FoundJob | 'over' | { useless: string }> {
  const { position, pages } = committed;
  try {
    const why = await whyOtherLog(parts, committed);
    if (why !== undefined) return { useless: why };
    if (position === JOB_OVER_POSITION) return pages.has(OVER_KEY) ? 'over' : { useless: 'cut' };
    const opened = continueJob(job, pages, parts.recordBytesMax);
    const endPosition = readEnd(pages) ?? position;
    const at = commitRefOf(committed);
    return { ...opened, committed: at, endPosition, first: undefined };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return { useless: 'its pages cannot be read' };
  }
}

/**
 * A job that cannot begin notes that it needs no event: a past that cannot be folded must not keep
 * the log from forgetting what nobody else needs.
 */
async function begin(
  parts: PlaceParts,
  job: Job,
  committed: CommittedState | undefined,
): ReturnType<typeof beginJob> {
  try {
    return await beginJob(parts, job);
  } catch (error) {
    if (!(error instanceof LogCutError)) throw error;
    const logId = (await findLogId(parts)) ?? NO_LOG_ID;
    const { start, possibleFromUs } = error.cut;
    const value = possibleFromUs === undefined ? { start } : { start, possibleFromUs };
    await note(parts, { logId, committed, key: CUT_KEY, value });
    throw error;
  }
}

/** Why the job cannot begin, if that is what is noted. */
function readCut(
  { position, pages }: CommittedState,
  partition: number,
  job: Job,
): LogCut | undefined {
  const page = pages.get(CUT_KEY);
  if (position !== JOB_OVER_POSITION || page === undefined) return undefined;
  const { start, possibleFromUs } = decodeSoundMsgpack(page) as Partial<LogCut>;
  if (start === undefined) return undefined;
  const { candidate } = job;
  return { partition, candidate, wholeFromUs: wholeFromUs(job), start, possibleFromUs };
}

/** Leaves a note that the job is over in the place of its state, so that nobody begins it anew. */
export async function noteOver(
  { store, partition }: Pick<PlaceParts, 'store' | 'partition'>,
  logId: string,
): Promise<'committed' | 'outrun'> {
  const committed = await store.load(partition);
  const isNoted = committed?.position === JOB_OVER_POSITION && committed.pages.has(OVER_KEY);
  if (isNoted && committed.logId === logId) return 'committed';
  return await note({ store, partition }, { logId, committed, key: OVER_KEY, value: true });
}

/** In the place of whatever was there. */
async function note(
  { store, partition }: Pick<PlaceParts, 'store' | 'partition'>,
  what: Readonly<{
    logId: string;
    committed: CommittedState | undefined;
    key: string;
    value: unknown;
  }>,
): Promise<'committed' | 'outrun'> {
  const { logId, committed, key, value } = what;
  const pages = new Map<string, Uint8Array | undefined>();
  for (const known of committed?.pages.keys() ?? []) pages.set(known, undefined);
  pages.set(key, encode(value));
  return await store.commit({
    partition,
    expected: committed,
    next: { logId, position: JOB_OVER_POSITION },
    pages,
  });
}

/** Undefined: there is nothing, or what there was contradicts itself and is gone. */
async function loadSound(parts: PlaceParts): Promise<CommittedState | undefined> {
  const { store, partition, onDiscarded } = parts;
  try {
    return await store.load(partition);
  } catch (error) {
    if (!isCorruptState(error)) throw error;
    if (await store.discardCorrupt(partition)) onDiscarded('it contradicts itself');
    return await store.load(partition);
  }
}

/** Undefined when the log goes on from the state. */
async function whyOtherLog(
  parts: PlaceParts,
  { logId, position, pages }: CommittedState,
): Promise<string | undefined> {
  const { stream, partition } = parts;
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  if (start === 0 && (end === 0 || (await logIdOf(parts)) !== logId)) return 'it is of another log';
  if (position === JOB_OVER_POSITION) return undefined;
  if (position > end) return `metrics.events ends at ${end}, before its position ${position}`;
  if (position < start) return `events before ${start} are gone, and its position is ${position}`;
  if (position - 1 < start) return undefined;
  const { lastDigest } = headOfPages(pages).head;
  if (lastDigest === '') return undefined;
  const digest = recordDigest(await readEvent(parts, position - 1));
  return digest === lastDigest ? undefined : 'metrics.events has another history';
}

function isUnreadable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'STATE_INCOMPLETE' || code === 'STATE_VERSION';
}

function readEnd(pages: ReadonlyMap<string, Uint8Array>): number | undefined {
  const page = pages.get(END_KEY);
  const value = page === undefined ? undefined : decodeSoundMsgpack(page);
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}
