import { bindFiles, withArchive } from '@millrace/archive';
import type { Stream } from '@millrace/stream';
import { openLogView } from '../checkpoints/checkpoint-place.ts';
import type { CliContext } from '../cli-context.ts';
import { bindingOf, findArchive } from './archive-place.ts';

/** The log, and the same with its archive in front. */
export interface Logs {
  stream: Stream;
  /** For what the log has forgotten; undefined: no archive is set. It ends with `stream`. */
  archived: { stream: Stream; where: string } | undefined;
}

/** As it is read by others than its owner. @throws MillraceError ARCHIVE_ADDRESS, the log's. */
export async function openLogs(context: CliContext, dataDir: string | undefined): Promise<Logs> {
  const stream = await openLogView(context, dataDir);
  try {
    const found = await findArchive(context, dataDir);
    if (found === undefined) return { stream, archived: undefined };
    const { files } = bindFiles(found.files, bindingOf(context, dataDir, stream));
    const { where } = files;
    return { stream, archived: { stream: withArchive({ stream, files }), where } };
  } catch (error) {
    await stream.close();
    throw error;
  }
}
