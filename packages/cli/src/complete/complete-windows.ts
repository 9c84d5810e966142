import type { CompleteReport, CompleteSettings } from '@millrace/complete';
import { listenForShutdown, systemClock } from '@millrace/runtime';
import { findArchive } from '../archive/archive-place.ts';
import { openDistributed, openEmbedded } from '../audit/open-audited.ts';
import type { CliContext } from '../cli-context.ts';
import { isDistributed } from '../distributed/is-distributed.ts';
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
  const isShared = dataDir === undefined && isDistributed(context.environment);
  const shutdown = listenForShutdown();
  const { signal } = shutdown;
  const files = (await findArchive(context, dataDir))?.files;
  const opened = isShared
    ? await openDistributed(context, files)
    : await openEmbedded(context, dataDir, files);
  const progress = showCompletion(context.output);
  try {
    const parts = { stream: opened.stream, store: opened.completion(), clock: systemClock };
    return await completeMarked(
      { ...parts, onProgress: progress.step, signal },
      { ...COMPLETE_DEFAULTS, ...wanted },
    );
  } finally {
    progress.end();
    shutdown.dispose();
    await opened.close();
  }
}
