import type { LoadSettings } from '../load/load-run.ts';
import { watchFigures, type Cost } from './cost.ts';
import type { Progress } from './progress.ts';
import type { SystemUnderTest } from './system-under-test.ts';
import { prepareLoad, visibleStep, watchLoad } from './watched-load.ts';

/** Series that nobody knew. */
export interface FirstSight {
  series: number;
  /** A second, from the first byte sent to the last one seen in a query. */
  storedRate: number;
  cost: Cost;
}

/** The first step of a load: from then on each of its series is known. */
export async function sendOnce(
  system: SystemUnderTest,
  base: LoadSettings,
  progress: Progress,
): Promise<FirstSight> {
  const what = 'each series for the first time';
  const load: LoadSettings = { ...base, stepsMax: 1 };
  const process = await prepareLoad(progress, what, load);
  const watch = watchFigures(system);
  const startMs = performance.now();
  process.go();
  const result = await watchLoad(progress, what, { load, process });
  progress.begin(`${what}: ${visibleStep(result)}`);
  await system.untilVisible(load, result);
  const storedRate = result.samples / ((performance.now() - startMs) / 1000);
  const firstSight = { series: load.series, storedRate, cost: watch.end(result.samples) };
  progress.begin(`${what}: waiting until their windows are stored`);
  await system.untilSettled?.();
  return firstSight;
}
