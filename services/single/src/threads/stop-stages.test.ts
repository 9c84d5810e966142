import { silentLog, systemClock, type StageStatus } from '@millrace/runtime';
import { expect, test } from 'vitest';
import type { StageThreads } from './stage-threads.ts';
import { stopStages } from './stop-stages.ts';
import type { StageName } from './thread-data.ts';

/** Stages of which some calls have no end, or fail. */
function threadsWith(answers: Readonly<Record<string, () => Promise<unknown>>>): StageThreads {
  const handle = (stage: StageName): unknown => {
    const call = async (name: string): Promise<unknown> => await answers[`${stage} ${name}`]?.();
    const status = async (): Promise<StageStatus> => ({ stage, ready: true, partitions: [] });
    return { stage, link: { call }, common: { call }, status };
  };
  const threads = { receiver: handle('receiver'), transformer: handle('transformer') };
  return { ...threads, writer: handle('writer') } as StageThreads;
}

test.each([
  ['all of it', {}, true],
  ['what has no end', { 'transformer stop': () => new Promise(() => undefined) }, false],
  ['what fails', { 'writer close': () => Promise.reject(new Error('no room')) }, false],
])('says whether everything was done: %s', async (_what, answers, isDone) => {
  const components = { threads: threadsWith(answers), clock: systemClock, log: silentLog };
  expect(await stopStages(components, { stopMsMax: 50 })).toBe(isDone);
});
