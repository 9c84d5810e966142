import type { TimeUs } from '@millrace/model';
import type { JobProgress } from './edition-store.ts';
import { StoreError, StoreErrorCode } from './store-error.ts';

const LIST = 'Look with "millrace edition list".';

export function editionUnknown(editions: readonly number[]): StoreError {
  return new StoreError({
    code: StoreErrorCode.editionUnknown,
    kind: 'transient',
    message: `The store has not heard of ${named(editions)} from all partitions yet. Nothing was changed.`,
    remedy:
      'The writer is behind, or there are none of these numbers: wait a moment and try again.',
  });
}

const JOBS_TOLD_MAX = 12;

export function jobsNotEnded(
  candidate: number,
  jobs: readonly JobProgress[],
  partitions: number,
): StoreError {
  const open = jobs.filter(({ hasEnded }) => !hasEnded);
  const told = open.slice(0, JOBS_TOLD_MAX).map(({ partition, position, endPosition }) => {
    return `partition ${partition} is at ${position} of ${endPosition}`;
  });
  if (open.length > told.length) told.push(`and ${open.length - told.length} more`);
  return new StoreError({
    code: StoreErrorCode.jobsNotEnded,
    kind: 'transient',
    message:
      `The past of candidate ${candidate} is not folded to its end, but in ` +
      `${jobs.length - open.length} of ${partitions} partitions: ${told.join(', ')}. Nothing was ` +
      'changed.',
    remedy: `Wait until they are over: "millrace reprocess status ${candidate}".`,
  });
}

/** Jobs that will not end, because their candidate was promoted while they were under way. */
export function jobsClosed(candidate: number, earliestUs: TimeUs): StoreError {
  return new StoreError({
    code: StoreErrorCode.jobsClosed,
    kind: 'permanent',
    message:
      `The past of candidate ${candidate} is not folded to its end, and will not be: it was ` +
      'promoted before that, which ended its jobs. Nothing was changed.',
    remedy:
      `Show it from ${timeText(earliestUs)} on, with "--since ${timeText(earliestUs)}": live ` +
      'folding has it all from there on. Or fold its past with another "millrace reprocess".',
  });
}

export function editionNotCovered(
  params: Readonly<{ rule: string; edition: number; fromUs: TimeUs; earliestUs: TimeUs }>,
): StoreError {
  const { rule, edition, fromUs, earliestUs } = params;
  return new StoreError({
    code: StoreErrorCode.editionNotCovered,
    kind: 'permanent',
    message:
      `Not all windows of rule ${rule} are whole in edition ${edition} from ${timeText(fromUs)} ` +
      `on, where windows of all its widths begin. Nothing was changed.`,
    remedy:
      `Show it from ${timeText(earliestUs)} on, the earliest time that works; or reprocess again ` +
      'from an earlier time on.',
  });
}

export function editionOvertaken(
  params: Readonly<{ rule: string; version: number; later: number }>,
): StoreError {
  const { rule, version, later } = params;
  return new StoreError({
    code: StoreErrorCode.editionOvertaken,
    kind: 'permanent',
    message:
      `Rule ${rule} came into force again after version ${version}, as ${later}, and that is ` +
      'what is to be shown. Nothing was changed.',
    remedy: `Take what came later back first, or apply the rules that you want. ${LIST}`,
  });
}

export function editionDropped(rule: string, edition: number): StoreError {
  return new StoreError({
    code: StoreErrorCode.editionDropped,
    kind: 'permanent',
    message:
      `Edition ${edition} of rule ${rule} was dropped, and its windows are not there any more. ` +
      'Nothing was changed.',
    remedy: 'Compute it again with "millrace reprocess".',
  });
}

export function editionServed(rule: string, edition: number, untilUs: TimeUs): StoreError {
  const isForGood = untilUs === Infinity;
  const until = isForGood ? '' : ` until ${timeText(untilUs)}`;
  return new StoreError({
    code: StoreErrorCode.editionServed,
    kind: isForGood ? 'permanent' : 'transient',
    message: `Edition ${edition} is what is shown of rule ${rule}${until}. Nothing was dropped.`,
    remedy: isForGood
      ? 'Promote another edition or roll this one back; then drop it.'
      : 'Wait until the watermark of all partitions has passed that time; then drop it.',
  });
}

function named(editions: readonly number[]): string {
  return editions.length === 1 ? `edition ${editions[0]}` : `editions ${editions.join(', ')}`;
}

function timeText(timeUs: TimeUs): string {
  if (!Number.isFinite(timeUs)) return 'ever';
  return new Date(timeUs / 1000).toISOString().replace('.000Z', 'Z');
}
