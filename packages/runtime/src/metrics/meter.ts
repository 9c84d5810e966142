import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { BucketCounts } from './bucket-counts.ts';

/** One value of our own metrics, ready to be pushed through ourselves. */
export interface Measurement {
  name: string;
  labels: Record<string, string>;
  value: number;
  kind: 'gauge' | 'cumulative';
}

export type MeterLabels = Record<string, string | number>;

export interface MeterCounter {
  add(value: number, labels?: MeterLabels): void;
}
export interface MeterGauge {
  set(value: number, labels?: MeterLabels): void;
  /** Shows the value of these labels no longer: what they name is somebody else's now. */
  forget(labels: MeterLabels): void;
}
export interface MeterHistogram {
  observe(value: number, labels?: MeterLabels): void;
}

type Described = Readonly<{ name: string; help: string; labels?: readonly string[] }>;

/** Our own metrics: `millrace_<stage>_<noun>_<unit>[_total]`, labels from closed sets. */
export interface Meter {
  /** `collect`: the whole of what there was so far, asked for at each look. */
  counter(described: Described & Readonly<{ collect?: () => number }>): MeterCounter;
  gauge(described: Described & Readonly<{ collect?: () => number }>): MeterGauge;
  histogram(described: Described & Readonly<{ buckets: readonly number[] }>): MeterHistogram;
  /** Everything measured so far, classic histograms as `_bucket`, `_sum`, `_count`. */
  measurements(): Promise<Measurement[]>;
  /** Prometheus text format 0.0.4. */
  exposition(): Promise<string>;
}

export function createMeter(): Meter {
  const registry = new Registry();
  const base = (described: Described) => ({
    name: described.name,
    help: described.help,
    labelNames: [...(described.labels ?? [])],
    registers: [registry],
  });
  return {
    counter: (described) => {
      const { collect } = described;
      let counted = 0;
      const count = (): void => {
        const total = Math.max(counted, collect!());
        counter.inc(total - counted);
        counted = total;
      };
      const counter: Counter = new Counter({
        ...base(described),
        ...(collect === undefined ? {} : { collect: count }),
      });
      return { add: (value, labels) => counter.inc(labels ?? {}, value) };
    },
    gauge: (described) => {
      const { collect } = described;
      const gauge: Gauge = new Gauge({
        ...base(described),
        ...(collect === undefined ? {} : { collect: () => gauge.set(collect()) }),
      });
      return {
        set: (value, labels) => gauge.set(labels ?? {}, value),
        forget: (labels) => gauge.remove(labels),
      };
    },
    histogram: (described) => {
      const buckets = [...described.buckets];
      const counts = described.labels === undefined ? new BucketCounts(buckets) : undefined;
      const histogram: Histogram = new Histogram({
        ...base(described),
        ...{ buckets, collect: () => counts?.giveTo(histogram) },
      });
      return counts ?? { observe: (value, labels) => histogram.observe(labels ?? {}, value) };
    },
    measurements: () => measure(registry),
    exposition: () => registry.metrics(),
  };
}

async function measure(registry: Registry): Promise<Measurement[]> {
  const families = await registry.getMetricsAsJSON();
  return families.flatMap((family) => {
    const kind = String(family.type) === 'gauge' ? 'gauge' : 'cumulative';
    return family.values.map((value): Measurement => {
      const labels = Object.entries(value.labels).map(([name, text]) => [name, String(text)]);
      const name = 'metricName' in value ? String(value.metricName) : family.name;
      return { name, labels: Object.fromEntries(labels), value: value.value, kind };
    });
  });
}
