import type { Stream } from '@millrace/stream';
import type { ArchiveFiles } from './archive-files.ts';
import { readManifest } from './archived-ranges.ts';
import { sha256Of } from './digest.ts';
import type { ArchivedRange } from './range.ts';
import { readOne } from './read-log.ts';

/** Whether a range's last record, which the log holds, is the same in both: so a log is recognised. */
export async function endsAlike(
  { stream, files }: Readonly<{ stream: Stream; files: ArchiveFiles }>,
  range: ArchivedRange,
  signal?: AbortSignal,
): Promise<boolean> {
  const { topic, partition, to } = range;
  const { lastSha256 } = await readManifest(files, range, signal);
  const payload = await readOne(stream, { topic, partition, offset: to - 1, signal });
  return sha256Of(payload) === lastSha256;
}
