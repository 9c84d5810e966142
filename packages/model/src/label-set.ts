/** One label of a series. `__name__` carries the metric name, as in Prometheus. */
export type Label = readonly [name: string, value: string];

/** The labels of one series, sorted by the bytes of their names; no name occurs twice. */
export type LabelSet = readonly Label[];

export const METRIC_NAME_LABEL = '__name__';

/** Orders strings by their UTF-8 bytes, which is the order of their code points. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above U+FFFF, yet their units sort below U+E000.
    if (x >= 0xd800 && y >= 0xd800) {
      x += x >= 0xe000 ? -0x800 : 0x2000;
      y += y >= 0xe000 ? -0x800 : 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

/** Sorts labels by name bytes. Duplicate names are the caller's to refuse. */
export function sortLabels(labels: Iterable<Label>): LabelSet {
  return [...labels].sort((a, b) => compareBytes(a[0], b[0]));
}

/** The value of a label, or undefined when the set has none of that name. */
export function labelValue(labels: LabelSet, name: string): string | undefined {
  for (const [key, value] of labels) if (key === name) return value;
  return undefined;
}

/** The set as Prometheus prints it: `name{a="b"}`. */
export function formatLabels(labels: LabelSet): string {
  const metric = labelValue(labels, METRIC_NAME_LABEL) ?? '';
  const rest = labels
    .filter(([name]) => name !== METRIC_NAME_LABEL)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return rest.length === 0 ? metric || '{}' : `${metric}{${rest.join(',')}}`;
}
