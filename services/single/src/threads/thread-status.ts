import { MillraceError, type StageStatus } from '@millrace/runtime';
import type { StageName } from './thread-data.ts';

/** How often and how long a stage's thread is asked for its status. */
export interface ThreadStatusSettings {
  /** A thread that is busy for longer shows what it said before. */
  answerMsMax: number;
  /** Without an answer for so long nobody is told that it works. */
  silentMsMax: number;
}

export const THREAD_STATUS_DEFAULTS: ThreadStatusSettings = {
  answerMsMax: 1000,
  silentMsMax: 10_000,
};

/**
 * Asks a thread for its status, once at a time: questions to one that hangs would only pile up. One
 * that says nothing for long is not ready, whatever it said before.
 */
export function askThreadStatus(
  stage: StageName,
  ask: () => Promise<StageStatus>,
  settings: ThreadStatusSettings,
): () => Promise<StageStatus> {
  let last: StageStatus = { stage, ready: false, partitions: [] };
  let asking: { sinceMs: number; answer: Promise<unknown> } | undefined;
  const askNow = (): NonNullable<typeof asking> => {
    const answer = ask()
      .then((status) => (last = status))
      .finally(() => (asking = undefined));
    return { sinceMs: performance.now(), answer };
  };
  return async () => {
    asking ??= askNow();
    const { sinceMs, answer } = asking;
    const timer = new AbortController();
    const late = new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, settings.answerMsMax);
      timer.signal.addEventListener('abort', () => clearTimeout(timeout));
    });
    // Why it refused is told where it broke down.
    await Promise.race([answer, late]).catch(() => undefined);
    timer.abort();
    const silentMs = performance.now() - sinceMs;
    return asking?.sinceMs === sinceMs && silentMs >= settings.silentMsMax
      ? silent(last, silentMs)
      : last;
  };
}

function silent(last: StageStatus, silentMs: number): StageStatus {
  const { code, message, remedy } = new MillraceError({
    code: 'STAGE_SILENT',
    kind: 'transient',
    message:
      `The ${last.stage}'s thread has said nothing for ${Math.round(silentMs / 1000)} s. ` +
      'Nothing acknowledged is lost.',
    remedy:
      'If it lasts, look at the processors and the disk of the machine; a new start goes on ' +
      'where it was.',
  });
  const reason = { code, message, ...(remedy === undefined ? {} : { remedy }) };
  const partitions = last.partitions.map((one) =>
    one.state === 'stopped' ? one : { ...one, state: 'waiting' as const, reason },
  );
  return { ...last, ready: false, partitions };
}
