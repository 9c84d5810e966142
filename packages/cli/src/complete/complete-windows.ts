import type { CompleteReport, CompleteSettings } from '@millrace/complete';
import { systemClock } from '@millrace/runtime';
import { withLogAndStore } from '../audit/with-audited.ts';
import type { CliContext } from '../cli-context.ts';
import { showCompletion } from './complete-progress.ts';

/**
 * Completes the marked windows of a range, in the log and store of the running process or of the
 * environment, with its archive where there is one; shows how far it is, and ends with the process.
 */
export async function completeWindows(
  context: CliContext,
  dataDir: string | undefined,
  wanted: Partial<CompleteSettings>,
): Promise<CompleteReport> {
  const { completeMarked, COMPLETE_DEFAULTS } = await import('@millrace/complete');
  const progress = showCompletion(context.output);
  return await withLogAndStore(
    context,
    { dataDir, hasArchive: true },
    async ({ stream, completion }, signal) => {
      const parts = { stream, store: completion(), clock: systemClock };
      return await completeMarked(
        { ...parts, onProgress: progress.step, signal },
        { ...COMPLETE_DEFAULTS, ...wanted },
      );
    },
    progress.end,
  );
}
