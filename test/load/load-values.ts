/**
 * What the series of a load measure. `steps`: small whole numbers that follow one another. `real`:
 * half of the series are counters, half are gauges with two decimals that jump about, as what
 * exporters send is.
 */
export type LoadValues = 'steps' | 'real';

/** The value, times 100, of the series at place `index` of its request: always a whole number. */
export function loadHundredths(values: LoadValues, step: number, index: number): number {
  if (values === 'steps') return 100 * (step + index);
  if (index % 2 === 1) return 100 * (1000 * index + 5 * step + ((step * index) % 5));
  return 2000 + ((step * 7919 + index * 104_729) % 6000);
}

/** The sum of those over steps 0 … `steps` − 1. */
export function loadTotal(values: LoadValues, steps: number, index: number): number {
  if (values === 'steps') return 100 * (steps * index + (steps * (steps - 1)) / 2);
  let total = 0;
  for (let step = 0; step < steps; step += 1) total += loadHundredths(values, step, index);
  return total;
}
