import { errorKind, MillraceError } from '@millrace/runtime';
import type { RuleFileContent } from '@millrace/single/running';
import { openLogs } from '../archive/open-logs.ts';
import type { CliContext } from '../cli-context.ts';
import { pastSize, type PastSize } from './past-size.ts';

/** The past that is to be folded, under which rules, and where its log is. */
export interface Past {
  context: CliContext;
  dataDir: string | undefined;
  file: Pick<RuleFileContent, 'rules' | 'source'>;
  sinceUs: number;
  signal: AbortSignal;
}

/**
 * What it takes up, by what lies in the log, and in its archive where the log begins too late: the
 * jobs read from there as well. Undefined: too little was seen, or the archive is away, for which
 * the jobs wait.
 *
 * @throws what log and file system throw.
 */
export async function reckonPast(past: Past): Promise<PastSize | undefined> {
  const { context, dataDir, file, sinceUs, signal } = past;
  const { stream, archived } = await openLogs(context, dataDir);
  try {
    const nowMs = (): number => performance.now();
    const components = { stream, archived, signal, nowMs, onProgress: () => undefined };
    return await pastSize(components, file, { sinceUs, nowUs: Date.now() * 1000 });
  } catch (error) {
    if (!isArchiveAway(error)) throw error;
    context.output.notice(`${error.code}: ${error.message}`);
    return undefined;
  } finally {
    await stream.close();
  }
}

function isArchiveAway(error: unknown): error is MillraceError {
  return (
    error instanceof MillraceError &&
    errorKind(error) === 'transient' &&
    error.code.startsWith('ARCHIVE_')
  );
}
