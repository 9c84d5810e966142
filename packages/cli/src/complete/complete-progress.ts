import type { CompleteProgress } from '@millrace/complete';
import type { ConsoleOutput } from '../console-output.ts';

/** Often enough to be seen moving; a plain line now and then. */
const REWRITE_MS = 100;
const LINE_MS = 5000;

/** Shows how far completing is: a line that changes where a person looks, else one now and then. */
export function showCompletion(
  output: ConsoleOutput,
  nowMs: () => number = () => performance.now(),
): { step(progress: CompleteProgress): void; end(): void } {
  const { rewrite } = output;
  let shownMs = nowMs();
  return {
    step: ({ marked, completed, records }) => {
      const now = nowMs();
      if (now - shownMs < (rewrite === undefined ? LINE_MS : REWRITE_MS)) return;
      shownMs = now;
      const line = `${completed} of ${marked} marked windows, ${records} records read`;
      if (rewrite === undefined) output.notice(line);
      else rewrite(line);
    },
    end: () => rewrite?.(''),
  };
}
