import { MillraceError, type Clock } from '@millrace/runtime';
import type { ConsoleOutput } from '../console-output.ts';
import { ProgressMeter, type ShownProgress } from './job-progress.ts';
import type { JobLook } from './look-at-jobs.ts';
import { progressBar, progressText } from './progress-text.ts';

/** Often enough to be seen moving; a plain line now and then. */
const LOOK_MS = 500;
const LINE_MS = 5000;

/**
 * Shows how far jobs are until they have ended: a bar where a person looks, lines elsewhere.
 * Whatever becomes of it, the jobs go on.
 *
 * @throws MillraceError REPROCESS_STOPPED, REPROCESS_GONE, REPROCESS_LEFT (aborted).
 */
export async function followJobs(
  params: Readonly<{
    number: number;
    partitions: number;
    look: () => Promise<JobLook>;
    output: ConsoleOutput;
    clock: Clock;
    signal: AbortSignal;
    /** How commands are called: `millrace`, or `npx millrace`. */
    program: string;
  }>,
): Promise<ShownProgress> {
  const { number, partitions, look, output, clock, signal, program } = params;
  const meter = new ProgressMeter();
  let toldMs = -Infinity;
  try {
    for (;;) {
      const seen = await look();
      const nowMs = clock.nowUs() / 1000;
      const shown = meter.take(seen, partitions, nowMs);
      const isOver = shown.ended === partitions;
      if (output.rewrite !== undefined) {
        output.rewrite(`${progressBar(shown)} ${progressText(shown)}`);
      } else if (isOver || nowMs - toldMs >= LINE_MS) {
        output.notice(progressText(shown));
        toldMs = nowMs;
      }
      if (isOver) return shown;
      if (seen.isGone) throw gone(number);
      if (seen.isClosed) throw closed(number);
      if (seen.stopped.length > 0) throw stopped(number, seen);
      await clock.sleep(LOOK_MS, signal);
    }
  } catch (error) {
    if (signal.aborted) throw left(number, program);
    throw error;
  } finally {
    // What is told next begins a line of its own.
    if (output.rewrite !== undefined) output.notice('');
  }
}

function left(number: number, program: string): MillraceError {
  return new MillraceError({
    code: 'REPROCESS_LEFT',
    kind: 'aborted',
    message: `History goes on being folded under the rules numbered ${number}.`,
    remedy:
      `Follow it with "${program} reprocess status ${number} --follow", pause it with ` +
      `"${program} reprocess pause ${number}", give it up with "${program} edition drop ${number}".`,
  });
}

function gone(number: number): MillraceError {
  return new MillraceError({
    code: 'REPROCESS_GONE',
    kind: 'permanent',
    message: `The rules numbered ${number} are no candidate any more: somebody dropped them.`,
    remedy: 'Look at what there is with "millrace edition list".',
  });
}

function closed(number: number): MillraceError {
  return new MillraceError({
    code: 'REPROCESS_GONE',
    kind: 'permanent',
    message:
      `No more of the past is folded under the rules numbered ${number}: they were promoted ` +
      'before it was whole. What was folded is kept.',
    remedy:
      'Look from when on they are whole with "millrace edition show"; reprocess for the rest.',
  });
}

function stopped(number: number, { stopped: jobs }: JobLook): MillraceError {
  const reasons = jobs.map(({ partition, code, message }) => {
    return `partition ${partition}: ${code}: ${message}`;
  });
  return new MillraceError({
    code: 'REPROCESS_STOPPED',
    kind: 'permanent',
    message: `The past cannot be folded under the rules numbered ${number}: ${reasons.join('; ')}`,
    remedy: `${jobs[0]?.remedy ?? 'See the reason.'} Give it up with "millrace edition drop ${number}".`,
  });
}
