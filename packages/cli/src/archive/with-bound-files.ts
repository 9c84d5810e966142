import { bindFiles, type ArchiveFiles } from '@millrace/archive';
import { errorText, MillraceError } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import { openLogView } from '../checkpoints/checkpoint-place.ts';
import type { CliContext } from '../cli-context.ts';
import { bindingOf } from './archive-place.ts';

/**
 * The files as those of the archive that the log is bound to: an empty place is not taken for an
 * archive without faults. Where there is no log to be asked that is said.
 */
export async function withBoundFiles<T>(
  { context, dataDir }: Readonly<{ context: CliContext; dataDir: string | undefined }>,
  found: ArchiveFiles,
  act: (files: ArchiveFiles) => Promise<T>,
): Promise<T> {
  let stream: Stream;
  try {
    stream = await openLogView(context, dataDir);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    context.output.notice(
      `Whether this is the archive of the log is not known, because that cannot be looked at: ` +
        errorText(error),
    );
    return await act(found);
  }
  try {
    const { files, check } = bindFiles(found, bindingOf(context, dataDir, stream));
    await check();
    return await act(files);
  } finally {
    await stream.close();
  }
}
