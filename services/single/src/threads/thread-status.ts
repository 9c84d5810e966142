import { MillraceError, type Measurement, type StageStatus } from '@millrace/runtime';
import { askOnce, type Question } from './ask-once.ts';
import type { StageName, StageThread } from './thread-data.ts';
import type { ThreadLink } from './thread-link.ts';

/** How long a stage's thread is asked for its status and its metrics. */
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

/** What a thread can be asked although it may hang. */
export interface ThreadQuestions {
  /** Its last known one, when it does not answer in time. */
  status(): Promise<StageStatus>;
  /** As above; nothing of one that says nothing for long: it would pass for what is so now. */
  measure(): Promise<readonly Measurement[]>;
  exposition(): Promise<string>;
  /** For how long it has been asked in vain. */
  silentMs(): number;
}

/** One that says nothing for long is not ready, whatever it said before. */
export function askThread(
  { stage, link }: Readonly<{ stage: StageName; link: ThreadLink<StageThread> }>,
  { answerMsMax, silentMsMax }: ThreadStatusSettings,
): ThreadQuestions {
  const status = askOnce(() => link.call('status'), answerMsMax);
  const measure = askOnce(() => link.call('measure'), answerMsMax);
  const exposition = askOnce(() => link.call('exposition'), answerMsMax);
  const unlessSilent = async <T>(question: Question<T>): Promise<T | undefined> => {
    const last = await question.ask();
    return question.silentMs() < silentMsMax ? last : undefined;
  };
  return {
    status: async () => {
      const last = (await status.ask()) ?? { stage, ready: false, partitions: [] };
      const silentMs = status.silentMs();
      return silentMs < silentMsMax ? last : silent(last, silentMs);
    },
    measure: async () => (await unlessSilent(measure)) ?? [],
    exposition: async () => (await unlessSilent(exposition)) ?? '',
    silentMs: () => Math.max(...[status, measure, exposition].map((one) => one.silentMs())),
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
