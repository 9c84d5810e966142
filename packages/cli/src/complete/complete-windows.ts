import type { CompleteReport, CompleteSettings } from '@millrace/complete';
import { MillraceError, systemClock } from '@millrace/runtime';
import type { StoreReader } from '@millrace/store';
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
    async ({ stream, store, completion }, signal) => {
      if (wanted.rules !== undefined) await ensureRules(store, wanted.rules);
      const parts = { stream, store: completion(), clock: systemClock };
      return await completeMarked(
        { ...parts, onProgress: progress.step, signal },
        { ...COMPLETE_DEFAULTS, ...wanted },
      );
    },
    progress.end,
  );
}

/** Of a name that was mistyped nothing is marked, and that would look well. */
async function ensureRules(store: StoreReader, names: readonly string[]): Promise<void> {
  const snapshot = await store.snapshot();
  let known: Set<string>;
  try {
    const { editions } = await snapshot.editions();
    known = new Set(editions.map(({ rule }) => rule));
  } finally {
    await snapshot.close();
  }
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  const there = [...known].sort();
  throw new MillraceError({
    code: 'COMPLETE_RULE_UNKNOWN',
    kind: 'permanent',
    message: `The store knows no rule named ${unknown.join(' or ')}. Nothing was changed.`,
    remedy:
      there.length === 0
        ? 'The store knows no rules yet; wait until samples are stored.'
        : `Name one of ${there.join(', ')}, or none for all.`,
  });
}
