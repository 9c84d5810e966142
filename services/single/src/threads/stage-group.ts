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

/** What all threads and the process measured, each under the name of its stage. */
export async function measurementsOf(
  threads: StageThreads,
  meter: Meter,
): Promise<readonly MeasuredStage[]> {
  const { receiver, transformer, writer } = threads;
  const [ofProcess, ...ofStages] = await Promise.all([
    meter.measurements(),
    receiver.link.call('measure'),
    transformer.link.call('measure'),
    writer.link.call('measure'),
  ]);
  return [
    { stage: 'process', measurements: ofProcess },
    ...inOrder(threads).map(({ stage }, i) => ({ stage, measurements: ofStages[i] ?? [] })),
  ];
}

/** Names begin with the stage's, so that the texts can stand behind one another. */
export async function expositionOf(threads: StageThreads, meter: Meter): Promise<string> {
  const { receiver, transformer, writer } = threads;
  const texts = await Promise.all([
    meter.exposition(),
    receiver.link.call('exposition'),
    transformer.link.call('exposition'),
    writer.link.call('exposition'),
  ]);
  return texts.map((text) => (text.endsWith('\n') ? text : `${text}\n`)).join('');
}

/** Tells the log which events are folded for good and stored for good. */
export async function releaseEvents(threads: StageThreads): Promise<void> {
  const flushed = await threads.writer.link.call('flushed');
  await threads.transformer.link.call('release', flushed);
}
