import type { AuditComponents } from '@millrace/audit';
import { listenForShutdown, systemClock } from '@millrace/runtime';
import { findArchive } from '../archive/archive-place.ts';
import type { CliContext } from '../cli-context.ts';
import { isDistributed } from '../distributed/is-distributed.ts';
import { showProgress } from './audit-progress.ts';
import { openDistributed, openEmbedded, type Audited } from './open-audited.ts';

/**
 * Reads a log and the store that was filled from it: those of the running process, or of the
 * environment; with its archive, where there is one and it is asked for. Shows how far it is, ends
 * with the process, and closes both.
 */
export async function withAudited<T>(
  context: CliContext,
  dataDir: string | undefined,
  read: (parts: AuditComponents, audited: Audited) => Promise<T>,
  { hasArchive }: Readonly<{ hasArchive: boolean }>,
): Promise<T> {
  const isShared = dataDir === undefined && isDistributed(context.environment);
  const shutdown = listenForShutdown();
  const files = hasArchive ? (await findArchive(context, dataDir))?.files : undefined;
  const audited = isShared
    ? await openDistributed(context, files)
    : await openEmbedded(context, dataDir, files);
  const progress = showProgress(context.output);
  const { stream, store } = audited;
  const { signal } = shutdown;
  try {
    const parts = { stream, store, clock: systemClock, onProgress: progress.step, signal };
    return await read(parts, audited);
  } finally {
    progress.end();
    shutdown.dispose();
    await audited.close();
  }
}
