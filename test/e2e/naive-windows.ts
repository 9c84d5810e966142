import { STEP_MS, valueOf, type Family } from './repeated-families.ts';

/** What a window should hold, computed from the list of all samples. */
export interface NaiveWindow {
  count: number;
  sum: number;
  min: number;
  max: number;
  first: number;
  last: number;
  /** Undefined where an increase means nothing. */
  increase: number | undefined;
}

/** `metric number width-seconds start-ms` of a window. */
export function windowName(
  metric: string,
  series: number,
  widthMs: number,
  startMs: number,
): string {
  return `${metric} ${series} ${widthMs / 1000} ${startMs}`;
}

/** Every window of every series: each step once, in the order of time. */
export function naiveWindows(
  families: readonly Family[],
  params: Readonly<{ steps: number; firstTimeMs: number; widthsMs: readonly number[] }>,
): Map<string, NaiveWindow> {
  const { steps, firstTimeMs, widthsMs } = params;
  const windows = new Map<string, NaiveWindow>();
  for (const family of families) {
    const counts = family.kind === 'cumulative' || family.kind === 'unknown';
    for (let series = 0; series < family.series; series += 1) {
      for (let step = 0; step < steps; step += 1) {
        const value = valueOf(family, series, step);
        const before = step === 0 ? undefined : valueOf(family, series, step - 1);
        const increase = counts ? increaseFrom(before, value) : undefined;
        const timeMs = firstTimeMs + step * STEP_MS;
        for (const widthMs of widthsMs) {
          const startMs = Math.floor(timeMs / widthMs) * widthMs;
          const name = windowName(family.metric, series, widthMs, startMs);
          addTo(windows, name, value, increase);
        }
      }
    }
  }
  return windows;
}

/** A fall is a reset from 0; nothing is known of what came before the first sample. */
export function increaseFrom(before: number | undefined, value: number): number {
  if (before === undefined) return 0;
  return value < before ? value : value - before;
}

export function addTo(
  windows: Map<string, NaiveWindow>,
  name: string,
  value: number,
  increase: number | undefined,
): void {
  const window = windows.get(name);
  if (window === undefined) {
    const once = { count: 1, sum: value, min: value, max: value, first: value, last: value };
    windows.set(name, { ...once, increase });
    return;
  }
  window.count += 1;
  window.sum += value;
  window.min = Math.min(window.min, value);
  window.max = Math.max(window.max, value);
  window.last = value;
  if (window.increase !== undefined) window.increase += increase!;
}
