import type { AuditComponents } from '@millrace/audit';
import { systemClock } from '@millrace/runtime';
import { findArchiveSection } from '../archive/archive-place.ts';
import type { CliContext } from '../cli-context.ts';
import { isDistributed } from '../distributed/is-distributed.ts';
import { stoppable } from '../stoppable.ts';
import { showProgress } from './audit-progress.ts';
import { openDistributed, openEmbedded, type Audited } from './open-audited.ts';

/** Audits them: shows how far it is. */
export async function withAudited<T>(
  context: CliContext,
  dataDir: string | undefined,
  read: (parts: AuditComponents, audited: Audited) => Promise<T>,
  { hasArchive }: Readonly<{ hasArchive: boolean }>,
): Promise<T> {
  const progress = showProgress(context.output);
  return await withLogAndStore(
    context,
    { dataDir, hasArchive },
    async (audited, signal) => {
      const { stream, store } = audited;
      const parts = { stream, store, clock: systemClock, onProgress: progress.step, signal };
      return await read(parts, audited);
    },
    progress.end,
  );
}

/**
 * A log and the store that was filled from it: those of the running process, or of the environment;
 * with its archive, when it is asked for. Where the log is bound to one and none is set, reading
 * what it has forgotten rejects with ARCHIVE_UNSET. Ends with the process, and closes both.
 */
export async function withLogAndStore<T>(
  context: CliContext,
  { dataDir, hasArchive }: Readonly<{ dataDir: string | undefined; hasArchive: boolean }>,
  use: (opened: Audited, signal: AbortSignal) => Promise<T>,
  /** Before they are closed, which may take a moment. */
  onEnd: () => void,
): Promise<T> {
  return await stoppable(async (signal) => {
    const isShared = dataDir === undefined && isDistributed(context.environment);
    const archive = hasArchive ? await findArchiveSection(context, dataDir) : undefined;
    const opened = isShared
      ? await openDistributed(context, archive)
      : await openEmbedded(context, dataDir, archive);
    try {
      return await use(opened, signal);
    } finally {
      onEnd();
      await opened.close();
    }
  });
}
