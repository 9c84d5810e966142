const MINUTE_MS = 60_000;
const WINDOW_MS = 5 * MINUTE_MS;
const STEP_MS = 15_000;

/** A sample of a counter. */
export interface CounterSample {
  host: string;
  timeMs: number;
  value: number;
}

/** Always the same numbers from 0 to 1. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface Past {
  /** At the beginning of a window. */
  fromMs: number;
  lengthMs: number;
}

/** So long, and over by more than windows wait for late samples. */
export function pastOf(lengthMs: number): Past {
  const endedMs = Date.now() - 30 * MINUTE_MS;
  return { fromMs: Math.floor((endedMs - lengthMs) / WINDOW_MS) * WINDOW_MS, lengthMs };
}

/**
 * Where its last window starts. A counter goes on from there into live samples: it stays marked
 * until their window is over, or growth would count in both.
 */
export function lastStartMs({ fromMs, lengthMs }: Past): number {
  return fromMs + lengthMs - WINDOW_MS;
}

/** A counter that is reset now and then, every 15 s, some samples of it left out. */
export function historyOf(
  { fromMs, lengthMs }: Past,
  host: string,
  random: () => number,
): CounterSample[] {
  const samples: CounterSample[] = [];
  let value = 0;
  for (let timeMs = fromMs; timeMs < fromMs + lengthMs; timeMs += STEP_MS) {
    value = random() < 0.03 ? 0 : value + Math.floor(100 * random());
    if (random() < 0.9) samples.push({ host, timeMs, value });
  }
  return samples;
}

/** What the store has of both, of before a time. */
export function storedSamplesSql(metric: string, untilMs: number): string {
  return `SELECT labels ->> 'host' AS host, extract(epoch FROM time) * 1000 AS ms, value
    FROM series_samples WHERE metric = '${metric}' AND time < to_timestamp(${untilMs / 1000})`;
}

export function storedWindowsSql(metric: string, untilMs: number): string {
  return `SELECT labels ->> 'host' AS host, extract(epoch FROM start) * 1000 AS ms, count, sum, min,
      max, first, last, increase, marked
    FROM series_windows WHERE metric = '${metric}' AND width = '5 minutes'
      AND start < to_timestamp(${untilMs / 1000})`;
}

/** The simple way, from all samples of a series in order. */
export function windowsOf(samples: readonly CounterSample[]): Record<string, unknown>[] {
  const windows = new Map<number, { samples: CounterSample[]; increase: number }>();
  samples.forEach((sample, i) => {
    const ms = Math.floor(sample.timeMs / WINDOW_MS) * WINDOW_MS;
    const window = windows.get(ms) ?? { samples: [], increase: 0 };
    const before = samples[i - 1]?.value;
    if (before !== undefined) {
      window.increase += sample.value < before ? sample.value : sample.value - before;
    }
    window.samples.push(sample);
    windows.set(ms, window);
  });
  return [...windows].map(([ms, { samples: own, increase }]) => {
    const values = own.map(({ value }) => value);
    return {
      ...{ host: own[0]!.host, ms, count: values.length },
      sum: values.reduce((sum, value) => sum + value, 0),
      ...{ min: Math.min(...values), max: Math.max(...values) },
      ...{ first: values[0], last: values.at(-1), increase, marked: false },
    };
  });
}
