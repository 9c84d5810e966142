import type { CompleteProgress } from '@millrace/complete';
import type { ConsoleOutput } from '../console-output.ts';
import { createProgressLine } from '../progress-line.ts';

/** Shows how far completing is. */
export function showCompletion(
  output: ConsoleOutput,
  nowMs: () => number = () => performance.now(),
): { step(progress: CompleteProgress): void; end(): void } {
  const line = createProgressLine(output, nowMs);
  return {
    step: ({ marked, completed, records }) =>
      line.show(() => `${completed} of ${marked} marked windows, ${records} records read`),
    end: line.end,
  };
}
