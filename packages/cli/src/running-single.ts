import { errorText, MillraceError } from '@millrace/runtime';
import {
  readRunFile,
  usualDataDirectory,
  type RunFile,
  type SingleStatus,
} from '@millrace/single/running';

/** How long a running process may take to tell its status. */
const ANSWER_MS_MAX = 5000;

/** @throws MillraceError NOT_RUNNING. */
export async function findRunning(dataDir: string | undefined): Promise<RunFile> {
  return await readRunFile(usualDataDirectory(dataDir));
}

/** Asks the running process. @throws MillraceError NOT_RUNNING, STATUS_UNANSWERED. */
export async function askStatus(dataDir: string | undefined): Promise<SingleStatus> {
  const run = await findRunning(dataDir);
  const url = `${run.url}/api/v1/status`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    return (await answer.json()) as SingleStatus;
  } catch (error) {
    throw new MillraceError({
      code: 'STATUS_UNANSWERED',
      kind: 'transient',
      message: `Process ${run.pid} does not answer ${url} (${errorText(error)}).`,
      remedy: 'Try again; if it lasts, look at its log, or stop it and start it again.',
      cause: error,
    });
  }
}
