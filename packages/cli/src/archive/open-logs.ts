import { openArchive, withArchive } from '@millrace/archive';
import type { Stream } from '@millrace/stream';
import { openLogView } from '../checkpoints/checkpoint-place.ts';
import type { CliContext } from '../cli-context.ts';
import { bindingOf, findArchiveSection } from './archive-place.ts';

/** The log, and the same with its archive in front. */
export interface Logs {
  stream: Stream;
  /**
   * For what the log has forgotten. Where none is set and the log is bound to one, whoever reads
   * that is told ARCHIVE_UNSET. Undefined: there is none. It ends with `stream`.
   */
  archived: { stream: Stream; where: string } | undefined;
}

/**
 * As it is read by others than its owner.
 *
 * @throws MillraceError ARCHIVE_ADDRESS, ARCHIVE_BINDING_UNREADABLE, the log's.
 */
export async function openLogs(context: CliContext, dataDir: string | undefined): Promise<Logs> {
  const stream = await openLogView(context, dataDir);
  try {
    const section = await findArchiveSection(context, dataDir);
    const binding = bindingOf(context, dataDir, stream);
    const { files, isSet } = await openArchive(section, binding);
    const isThere = isSet || (await binding.read()) !== undefined;
    if (!isThere) return { stream, archived: undefined };
    return { stream, archived: { stream: withArchive({ stream, files }), where: files.where } };
  } catch (error) {
    await stream.close();
    throw error;
  }
}
