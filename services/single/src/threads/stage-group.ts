import type { Meter, StageStatus } from '@millrace/runtime';
import type { MeasuredStage } from '../self-metrics.ts';
import type { StageThreads } from './stage-threads.ts';

/** The stages in the order of the data's way. */
export function inOrder(
  threads: StageThreads,
): readonly [StageThreads['receiver'], StageThreads['transformer'], StageThreads['writer']] {
  return [threads.receiver, threads.transformer, threads.writer];
}

export async function statusesOf(threads: StageThreads): Promise<StageStatus[]> {
  return await Promise.all(inOrder(threads).map((stage) => stage.status()));
}

/** So that whoever looks at metrics alone sees that a thread hangs. */
export function measureSilence(threads: StageThreads, meter: Meter): void {
  for (const { stage, silentMs } of inOrder(threads)) {
    meter.gauge({
      name: `millrace_${stage}_thread_silent_seconds`,
      help:
        `For how long the ${stage}'s thread has been asked in vain; ` +
        'after 10 s its other metrics are left out.',
      collect: () => silentMs() / 1000,
    });
  }
}

/** What all threads and the process measured, each under the name of its stage. */
export async function measurementsOf(
  threads: StageThreads,
  meter: Meter,
): Promise<readonly MeasuredStage[]> {
  const stages = await Promise.all(
    inOrder(threads).map(async ({ stage, measure }) => ({ stage, measurements: await measure() })),
  );
  // Last: it tells which of them said nothing.
  return [{ stage: 'process', measurements: await meter.measurements() }, ...stages];
}

/** Names begin with the stage's, so that the texts can stand behind one another. */
export async function expositionOf(threads: StageThreads, meter: Meter): Promise<string> {
  const stages = await Promise.all(inOrder(threads).map(({ exposition }) => exposition()));
  const texts = [await meter.exposition(), ...stages].filter((text) => text !== '');
  return texts.map((text) => (text.endsWith('\n') ? text : `${text}\n`)).join('');
}

/** Tells the log which events are folded for good and stored for good. */
export async function releaseEvents(threads: StageThreads): Promise<void> {
  const flushed = await threads.writer.link.call('flushed');
  await threads.transformer.link.call('release', flushed);
}
