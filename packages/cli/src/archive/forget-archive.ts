import type { BoundArchive } from '@millrace/control';
import { openLogView } from '../checkpoints/checkpoint-place.ts';
import type { CliContext } from '../cli-context.ts';
import { confirm } from '../confirm.ts';
import { bindingOf } from './archive-place.ts';

/**
 * Also while no process runs, and without the archive: it may be what is lost. Resolves with the
 * one that is forgotten; undefined: the log is bound to none.
 */
export async function forgetArchive(
  context: CliContext,
  { dataDir, isAsked }: Readonly<{ dataDir: string | undefined; isAsked: boolean }>,
): Promise<BoundArchive | undefined> {
  const stream = await openLogView(context, dataDir);
  try {
    const binding = bindingOf(context, dataDir, stream);
    const bound = await binding.read();
    if (bound === undefined) return undefined;
    const means =
      `The log keeps all that is not in the archive that was bound at ${bound.where}; once that ` +
      'is forgotten it keeps that no more. Nothing in the archive is deleted.';
    if (!isAsked) await confirm(`${means} Forget it?`, `${means} It was not forgotten.`);
    await binding.forget();
    return bound;
  } finally {
    await stream.close();
  }
}
