import { startLoad, type LoadProcess } from '../load/load-process.ts';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import type { Progress } from './progress.ts';

/** Sends a load to its end, and says meanwhile how far it is. */
export async function runLoad(
  progress: Progress,
  what: string,
  load: LoadSettings,
): Promise<LoadResult> {
  const process = await prepareLoad(progress, what, load);
  process.go();
  return await watchLoad(progress, what, { load, process });
}

/** As many requests as there are groups of series are built, which of a million takes a while. */
export async function prepareLoad(
  progress: Progress,
  what: string,
  load: LoadSettings,
): Promise<LoadProcess> {
  progress.begin(`${what}: preparing requests of ${count(load.series)} series`);
  return await startLoad(load);
}

/** A load that was told to go. */
export async function watchLoad(
  progress: Progress,
  what: string,
  { load, process }: Readonly<{ load: LoadSettings; process: LoadProcess }>,
): Promise<LoadResult> {
  const { seconds } = load;
  const within = seconds === undefined ? '' : ` for ${seconds} s`;
  progress.begin(`${what}${within}`, () => `${count(process.acknowledged())} acknowledged`);
  return await process.result;
}

/** What is waited for once everything is acknowledged. */
export function visibleStep({ samples }: Pick<LoadResult, 'samples'>): string {
  return `waiting until ${count(samples)} samples are visible`;
}

export function count(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}
