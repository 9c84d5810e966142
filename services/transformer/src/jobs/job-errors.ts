import { MillraceError } from '@millrace/runtime';

/** Why a job cannot begin. */
export interface LogCut {
  partition: number;
  candidate: number;
  /** From where on windows have to be whole. */
  wholeFromUs: number;
  /** The first event that the log holds. */
  start: number;
  /** From where on they could be; undefined: from nowhere. */
  possibleFromUs: number | undefined;
}

/** The past that was asked for cannot be folded whole: part of it is not there any more. */
export class LogCutError extends MillraceError {
  readonly cut: LogCut;

  constructor(cut: Readonly<LogCut>) {
    const { partition, candidate, wholeFromUs, start, possibleFromUs } = cut;
    super({
      code: 'REPROCESS_LOG_CUT',
      kind: 'permanent',
      message:
        `The job of candidate ${candidate} needs windows of partition ${partition} from ` +
        `${timeText(wholeFromUs)} on. ${gone(start)}, and no checkpoint is there that was made ` +
        'before the first sample of those windows. Nothing was folded, and live folding goes on.',
      remedy:
        possibleFromUs === undefined
          ? `"millrace edition drop ${candidate}": only what comes from now on can be folded.`
          : `"millrace edition drop ${candidate}", and then "millrace reprocess --since ` +
            `${timeText(possibleFromUs)}", or later.`,
    });
    this.cut = cut;
  }
}

function gone(start: number): string {
  return start === 0
    ? 'Events of the logs before this one are not there any more'
    : `Events before offset ${start} are past their retention`;
}

/** A job of a log that live folding has not put out anything of. */
export function beforeLive(partition: number): MillraceError {
  return new MillraceError({
    code: 'REPROCESS_BEFORE_LIVE',
    kind: 'transient',
    message:
      `Live folding has put out nothing of the log of partition ${partition} yet, so its number ` +
      'is not known, and a job puts out nothing without it. Nothing is lost.',
    remedy: 'None is needed while the transformer runs: the job begins by itself.',
  });
}

/** @throws never: also of what is no time of a calendar. */
function timeText(timeUs: number): string {
  const date = new Date(timeUs / 1000);
  return Number.isNaN(date.getTime()) ? `${timeUs} µs` : date.toISOString();
}
