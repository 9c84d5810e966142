import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchTemplate } from './batch-template.ts';
import { Latencies, type LatencySummary } from './latencies.ts';
import { loadSeries, LOAD_METRIC } from './load-series.ts';
import { loadHundredths, type LoadValues } from './load-values.ts';
import type { RequestTemplate } from './request-template.ts';
import { Sender, type Request } from './sender.ts';
import { WriteRequestTemplate } from './write-request-template.ts';

/** Remote write 1.0, or native columnar batches. */
export type LoadProtocol = 'remote-write' | 'batch';

/** One sample a series and request, the series sharded over requests. */
export interface LoadSettings {
  readonly url: string;
  readonly protocol: LoadProtocol;
  readonly path: string;
  readonly metric: string;
  readonly connections: number;
  readonly series: number;
  readonly seriesPerRequest: number;
  readonly values: LoadValues;
  /** Step s of every series has the time `firstTimeMs + s * stepMs`. */
  readonly firstTimeMs: number;
  readonly stepMs: number;
  /** Steps below it were sent before, by another run. */
  readonly firstStep: number;
  /** So many steps behind the first one are sent by nobody. */
  readonly stepsLeftOut: number;
  /** No request is begun later; undefined: until `stepsMax`. */
  readonly seconds: number | undefined;
  /** Latencies of requests that are due earlier are not told: all is new then, and slower. */
  readonly warmUpSeconds: number;
  readonly stepsMax: number;
  /** Samples a second; undefined: as fast as they are acknowledged. */
  readonly rate: number | undefined;
  readonly answerMsMax: number;
  readonly retryMsMax: number;
}

export const DEFAULT_LOAD: Omit<LoadSettings, 'url' | 'firstTimeMs'> = {
  protocol: 'remote-write',
  path: '/api/v1/write',
  metric: LOAD_METRIC,
  connections: 4,
  series: 10_000,
  seriesPerRequest: 1000,
  values: 'steps',
  stepMs: 1000,
  firstStep: 0,
  stepsLeftOut: 0,
  seconds: undefined,
  warmUpSeconds: 0,
  stepsMax: Number.MAX_SAFE_INTEGER,
  rate: undefined,
  answerMsMax: 60_000,
  retryMsMax: 120_000,
};

export interface LoadResult {
  /** Every one of them is acknowledged; nothing else was sent, but perhaps more than once. */
  readonly samples: number;
  readonly requests: number;
  /** From the first byte of the first request to the last acknowledgement. */
  readonly tookMs: number;
  /** Processor time of the sending process meanwhile. */
  readonly cpuSeconds: number;
  /** Of a request, from when it was due (paced) or begun to its acknowledgement. */
  readonly ackMs: LatencySummary;
  /** How many steps, from 0 on and those of runs before with them, each group of `seriesPerRequest` series has. */
  readonly stepsOfGroup: readonly number[];
  readonly retries: Readonly<Record<string, number>>;
}

/** Builds what is sent, which takes a moment; the run begins when it is told to. */
export class LoadRun {
  readonly #settings: LoadSettings;
  readonly #templates: readonly RequestTemplate[];
  /** Of each group those that are not under way: as many as ever were at the same time. */
  readonly #free: RequestTemplate[][];
  readonly #latencies = new Latencies();
  readonly #stepsOfGroup: number[];
  #senders: readonly Sender[] = [];
  #next = 0;
  #requests = 0;
  #samples = 0;

  constructor(settings: LoadSettings) {
    this.#settings = settings;
    this.#templates = templatesOf(settings);
    this.#free = this.#templates.map((template) => [template]);
    this.#stepsOfGroup = this.#templates.map(() => settings.firstStep);
    this.#next = settings.firstStep * this.#templates.length;
  }

  /** Acknowledged so far. */
  get samples(): number {
    return this.#samples;
  }

  /** How often requests were sent again so far, by what had gone wrong. */
  get retries(): Readonly<Record<string, number>> {
    return addUp(this.#senders);
  }

  /** Resolves when everything begun is acknowledged. */
  async run(signal?: AbortSignal): Promise<LoadResult> {
    const { connections } = this.#settings;
    const startMs = performance.now();
    const startCpu = process.cpuUsage();
    const senders = Array.from({ length: connections }, () => new Sender(this.#settings));
    this.#senders = senders;
    try {
      await Promise.all(senders.map((sender) => this.#send(sender, startMs, signal)));
    } finally {
      for (const sender of senders) sender.close();
    }
    const { user, system } = process.cpuUsage(startCpu);
    return {
      samples: this.#samples,
      requests: this.#requests,
      tookMs: performance.now() - startMs,
      cpuSeconds: (user + system) / 1e6,
      ackMs: this.#latencies.summary(),
      stepsOfGroup: this.#stepsOfGroup,
      retries: this.retries,
    };
  }

  /** One connection: takes the next request whenever it is free, and when that is due. */
  async #send(sender: Sender, startMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { seconds, warmUpSeconds, stepsMax, seriesPerRequest } = this.#settings;
    const groups = this.#templates.length;
    const recordFromMs = startMs + warmUpSeconds * 1000;
    const endMs = seconds === undefined ? Infinity : startMs + seconds * 1000;
    const rate = this.#settings.rate ?? Infinity;
    const first = this.#settings.firstStep * groups;
    for (;;) {
      const number = this.#next;
      const step = Math.floor(number / groups);
      const dueMs = startMs + ((number - first) * seriesPerRequest * 1000) / rate;
      if (step >= stepsMax || Math.max(dueMs, performance.now()) >= endMs) return;
      if (signal?.aborted === true) return;
      this.#next += 1;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      const group = number % groups;
      const free = this.#free[group]!;
      const template = free.pop() ?? this.#templates[group]!.clone();
      this.#fill(template, step);
      const begunMs = this.#settings.rate === undefined ? performance.now() : dueMs;
      await sender.post(this.#request(template));
      template.acknowledged();
      free.push(template);
      if (begunMs >= recordFromMs) this.#latencies.add(performance.now() - begunMs);
      this.#requests += 1;
      this.#samples += template.samples;
      this.#stepsOfGroup[group]! += 1;
    }
  }

  #fill(template: RequestTemplate, step: number): void {
    const { firstTimeMs, stepMs, values } = this.#settings;
    template.set(firstTimeMs + step * stepMs, (index) => loadHundredths(values, step, index) / 100);
  }

  #request(template: RequestTemplate): Request {
    const { headers, body } = template;
    const mended = (status: number): Uint8Array | undefined =>
      template.refused(status) ? template.body : undefined;
    return { path: this.#settings.path, headers, body, mended };
  }
}

/** Samples of all steps, those of runs before with them. */
export function samplesOf(
  {
    series,
    seriesPerRequest,
    stepsLeftOut,
  }: Pick<LoadSettings, 'series' | 'seriesPerRequest' | 'stepsLeftOut'>,
  { stepsOfGroup }: Pick<LoadResult, 'stepsOfGroup'>,
): number {
  return stepsOfGroup.reduce((sum, steps, group) => {
    return (
      sum + (steps - stepsLeftOut) * Math.min(seriesPerRequest, series - group * seriesPerRequest)
    );
  }, 0);
}

function templatesOf(settings: LoadSettings): readonly RequestTemplate[] {
  const { series, seriesPerRequest, metric, protocol } = settings;
  const producer = { producer: 'millrace-load', session: randomBytes(16), sequence: 0 };
  return Array.from({ length: Math.ceil(series / seriesPerRequest) }, (_, group) => {
    const first = group * seriesPerRequest;
    const length = Math.min(seriesPerRequest, series - first);
    const sets = Array.from({ length }, (_unused, i) => loadSeries(first + i, metric));
    return protocol === 'batch'
      ? BatchTemplate.build(sets, first, producer)
      : WriteRequestTemplate.build(sets);
  });
}

function addUp(senders: readonly Sender[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { retries } of senders) {
    for (const [failure, count] of retries) sums[failure] = (sums[failure] ?? 0) + count;
  }
  return sums;
}
