import { fingerprintHex, fingerprintOf, SampleKind } from '@millrace/model';
import { createPlacer, type CompiledRules } from '@millrace/rules';
import { labelSetOf, TEST_TENANT, type TestSample } from './data-record.ts';

/** One window of one output series, computed from the raw list. */
export interface NaiveWindow {
  edition: number;
  series: string;
  widthUs: number;
  startUs: number;
  values: { timeUs: number; value: number; input: string; labels: Record<string, string> }[];
  increase: number;
  /** Native histograms: they are counted, and have no value. */
  histograms?: number;
  /** Something that belongs into it was not folded exactly. */
  marked?: boolean;
}

/**
 * Computes every window from the distinct samples, the simple way: no state, no order of
 * arrival. Samples must be distinct in (series, time) or have no identity in time.
 */
export function naiveWindows(
  samples: readonly TestSample[],
  rules: CompiledRules,
): Map<string, NaiveWindow> {
  const placer = createPlacer(rules);
  const windows = new Map<string, NaiveWindow>();
  const bySeries = new Map<string, TestSample[]>();
  for (const sample of samples) {
    const key = JSON.stringify(labelSetOf(sample.labels));
    const list = bySeries.get(key);
    if (list === undefined) bySeries.set(key, [sample]);
    else list.push(sample);
  }
  for (const list of bySeries.values()) {
    const labels = labelSetOf(list[0]!.labels);
    const input = fingerprintHex(fingerprintOf(TEST_TENANT, labels));
    const sorted = list.filter((s) => !s.stale).sort((a, b) => a.timeUs - b.timeUs);
    const increases = increasesOf(sorted);
    for (const { rule, labels: output } of placer.place(labels).targets) {
      const series = fingerprintHex(fingerprintOf(TEST_TENANT, output));
      for (const widthUs of rule.widthsUs) {
        for (const [i, { timeUs, value, histogram, labels: given }] of sorted.entries()) {
          const startUs = Math.floor(timeUs / widthUs) * widthUs;
          const key = windowKey(rule.edition, series, widthUs, startUs);
          let window = windows.get(key);
          if (window === undefined) {
            window = { edition: rule.edition, series, widthUs, startUs, values: [], increase: 0 };
            windows.set(key, window);
          }
          if (histogram !== undefined) {
            window.histograms = (window.histograms ?? 0) + 1;
            continue;
          }
          window.values.push({ timeUs, value, input, labels: given });
          window.increase += increases[i]!;
        }
      }
    }
  }
  return windows;
}

export function windowKey(
  edition: number,
  series: string,
  widthUs: number,
  startUs: number,
): string {
  return [edition, series, widthUs, startUs].join('/');
}

function increasesOf(sorted: readonly TestSample[]): number[] {
  return sorted.map(({ value, kind, startUs }, i) => {
    if (kind === SampleKind.delta) return value;
    if (kind !== SampleKind.cumulative && kind !== SampleKind.unknown) return 0;
    const before = sorted[i - 1];
    const restarted = startUs !== undefined && startUs > (before?.timeUs ?? -Infinity);
    if (before === undefined) return restarted ? value : 0;
    return restarted || value < before.value ? value : value - before.value;
  });
}
