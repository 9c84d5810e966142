import { errorText, type Clock, type Log, type Measurement, type Meter } from '@millrace/runtime';

/** Our own measurements, and the stage or process they are of. */
export interface MeasuredStage {
  stage: string;
  measurements: readonly Measurement[];
}

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number | string;
  time: number;
  kind: Measurement['kind'];
}

/** Feeds our own metrics through ourselves, as any other producer would. */
export interface SelfMetrics {
  /** The first push is at once. */
  start(): void;
  stop(): Promise<void>;
}

export function createSelfMetrics(
  components: Readonly<{
    url: string;
    clock: Clock;
    log: Log;
    meter: Meter;
    measure: () => Promise<readonly MeasuredStage[]>;
  }>,
  settings: Readonly<{ intervalMs: number }>,
): SelfMetrics {
  const { url, clock, log, meter, measure } = components;
  const stopping = new AbortController();
  const failures = meter.counter({
    name: 'millrace_process_self_push_failures_total',
    help: 'Pushes of our own metrics that failed; the next one brings newer values.',
  });
  let isFailing = false;
  let running = Promise.resolve();
  const push = async (): Promise<void> => {
    try {
      const samples = toSamples(await measure(), Math.round(clock.nowUs() / 1000));
      await post(url, samples, settings.intervalMs, stopping.signal);
      if (isFailing) log.info({}, 'Our own metrics are taken again.');
      isFailing = false;
    } catch (error) {
      if (stopping.signal.aborted) return;
      failures.add(1);
      // Not once for each: it lasts as long as whatever is wrong, and that is told elsewhere.
      if (!isFailing) log.warn({ error: errorText(error) }, 'Our own metrics were not taken.');
      isFailing = true;
    }
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await push();
      // Only stopping ends the sleep early.
      await clock.sleep(settings.intervalMs, stopping.signal).catch(() => undefined);
    }
  };
  return {
    start: () => {
      running = run();
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** As `POST /v1/events` takes them. */
export function toSamples(stages: readonly MeasuredStage[], timeMs: number): Sample[] {
  return stages.flatMap(({ stage, measurements }) =>
    measurements.map(({ name, labels, value, kind }) => ({
      name,
      labels: { ...labels, stage },
      value: Number.isFinite(value) ? value : writtenNumber(value),
      time: timeMs,
      kind,
    })),
  );
}

/** JSON has no words for them; the receiver takes these. */
function writtenNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

async function post(
  url: string,
  samples: readonly Sample[],
  timeoutMs: number,
  stopping: AbortSignal,
): Promise<void> {
  const answer = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ samples }),
    signal: AbortSignal.any([stopping, AbortSignal.timeout(Math.max(timeoutMs, 1000))]),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status}: ${text.slice(0, 300)}`);
  const { rejected = [] } = JSON.parse(text) as { rejected?: unknown[] };
  if (rejected.length > 0) throw new Error(`rejected: ${JSON.stringify(rejected).slice(0, 300)}`);
}
