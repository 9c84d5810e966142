import { setTimeout as sleep } from 'node:timers/promises';
import { Playground, push, until, type RunningMillrace } from '../integration/running-millrace.ts';
import { startLoad } from '../load/load-process.ts';
import { DEFAULT_LOAD, type LoadSettings } from '../load/load-run.ts';
import { StoreClient } from '../services/store-client.ts';
import { checkStoredLoad, untilLoadVisible } from '../services/stored-load.ts';
import {
  ProcessWatch,
  RSS_BYTES_MAX,
  RSS_BYTES_PER_SERIES,
  sendNewSeries,
  SlowConnections,
} from './overload-load.ts';

const MIB = 1024 * 1024;
const VISIBLE_MS_MAX = 600_000;
const AGE_MS = 3 * 3_600_000;
/** Two million samples a second of 20,000 series. */
const STEPS_A_SECOND_MAX = 100;
/** Heads are given up after ten seconds; it is looked for once a second. */
const HEAD_MS_MAX = 14_000;

/** What did not hold; empty when all did. `told`: figures for people. */
export interface OverloadOutcome {
  faults: string[];
  told: string;
}

/** One process under more than it can take. */
export class OverloadWorld {
  readonly #playground: Playground;
  readonly #millrace: RunningMillrace;

  private constructor(playground: Playground, millrace: RunningMillrace) {
    this.#playground = playground;
    this.#millrace = millrace;
  }

  static async start(): Promise<OverloadWorld> {
    const playground = await Playground.make();
    try {
      // Once and then no more: what is counted is the load alone.
      const env = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };
      return new OverloadWorld(playground, await playground.up({ env }));
    } catch (error) {
      await playground.remove();
      throw error;
    }
  }

  async remove(): Promise<void> {
    await this.#playground.remove();
  }

  /** Senders that are faster than everything behind the log. */
  async fasterSenders(seconds: number): Promise<OverloadOutcome> {
    const { info } = this.#millrace;
    const settings: LoadSettings = {
      ...DEFAULT_LOAD,
      url: info.url,
      metric: `faster_${Math.round(performance.now())}`,
      series: 20_000,
      connections: 64,
      seconds,
      // Every window is over and becomes final at once, however many steps there will be.
      firstTimeMs: Date.now() - AGE_MS - seconds * STEPS_A_SECOND_MAX * DEFAULT_LOAD.stepMs,
      retryMsMax: 300_000,
    };
    const load = await startLoad(settings);
    const watch = new ProcessWatch(info);
    load.go();
    const result = await load.result;
    const store = await StoreClient.connect(info);
    try {
      await untilLoadVisible(store, settings, result, VISIBLE_MS_MAX);
      const stored = await checkStoredLoad(store, settings, result);
      await watch.end();
      const faults = [...stored.wrong, ...rssFaults(watch, settings.series)];
      if (stored.rows !== result.samples) {
        faults.push(`${result.samples} acknowledged, ${stored.rows} rows`);
      }
      faults.push(...[...watch.unready].map((body) => `not ready: ${body}`));
      return { faults, told: told('faster senders', result.samples, watch, result.retries) };
    } finally {
      await store.close();
    }
  }

  /** As many connections as there may be, nearly all of them of senders that hardly send. */
  async slowConnections(): Promise<OverloadOutcome> {
    const { url, pid } = this.#millrace.info;
    const watch = new ProcessWatch({ url, pid });
    const slow = await SlowConnections.open(url, { heads: 600, bodies: 350 });
    const faults: string[] = [];
    try {
      const startMs = performance.now();
      let pushes = 0;
      while (performance.now() - startMs < HEAD_MS_MAX) {
        const sample = { name: 'beside_slow_ones', value: pushes, kind: 'event', id: `${pushes}` };
        const { status } = await push(url, sample);
        if (status !== 200) faults.push(`a good sender was answered ${status}`);
        pushes += 1;
        await sleep(100);
      }
      const late = slow.answers.filter((answer) => answer.startsWith('HTTP/1.1 408')).length;
      if (late < 600) faults.push(`of 600 heads that do not end, ${late} were given up`);
      // Beyond the bound connections are refused, and those that there are stay as they are.
      const more = await SlowConnections.open(url, { heads: 1000 - slow.open, bodies: 0 });
      const dropped = await until('connections beyond the bound are refused', 5000, async () => {
        return more.answers.length > 0;
      }).then(() => more.answers.length);
      more.close();
      await watch.end();
      faults.push(...rssFaults(watch, 0));
      const what = `${pushes} good requests beside 950 slow ones, ${dropped} refused`;
      return { faults, told: told(what, pushes, watch, {}) };
    } finally {
      slow.close();
      await watch.end();
    }
  }

  /** Series that nobody has seen before, 100,000 a second. */
  async newSeries(seconds: number): Promise<OverloadOutcome> {
    const { url, pid } = this.#millrace.info;
    const before = await this.#foldedSamples();
    const watch = new ProcessWatch({ url, pid });
    const load = { perSecond: 100_000, seconds, connections: 8 };
    const result = await sendNewSeries(url, load);
    await until('all new series are folded', VISIBLE_MS_MAX, async () => {
      return (await this.#foldedSamples()) - before >= result.samples;
    });
    await watch.end();
    const folded = (await this.#foldedSamples()) - before;
    const faults = rssFaults(watch, result.samples);
    if (folded !== result.samples) faults.push(`${result.samples} acknowledged, ${folded} folded`);
    if (result.withoutRetryAfter > 0) faults.push('refused without Retry-After');
    faults.push(...[...watch.unready].map((body) => `not ready: ${body}`));
    return { faults, told: told('new series', result.samples, watch, result.retries) };
  }

  /** PostgreSQL stands still, nobody says that anything failed: the writer must say so itself. */
  async silentStore(): Promise<OverloadOutcome> {
    const { url } = this.#millrace.info;
    const pids = await this.#postgresPids();
    const faults: string[] = [];
    let number = 0;
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      await until('the writer is told to be stuck', 60_000, async () => {
        number += 1;
        const { status } = await push(url, { name: 'meanwhile', value: number, kind: 'event' });
        if (status !== 200) faults.push(`answered ${status} while only the store is away`);
        await sleep(200);
        const answer = await fetch(`${url}/readyz`);
        const { dependencies } = (await answer.json()) as { dependencies: Dependency[] };
        const writer = dependencies.find(({ name }) => name === 'writer');
        if (!answer.ok) faults.push('the log takes data, and /readyz says 503');
        return writer?.state === 'degraded' && /WRITER_STORE_SILENT/.test(writer.detail ?? '');
      });
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    await until('all goes on', 60_000, async () => {
      const status = (await (await fetch(`${url}/api/v1/status`)).json()) as { ready: boolean };
      return status.ready;
    });
    return { faults, told: `silent store: ${number} requests acknowledged meanwhile` };
  }

  async #postgresPids(): Promise<number[]> {
    const store = await StoreClient.connect(this.#millrace.info);
    try {
      const own = `SELECT pid FROM pg_stat_activity
        WHERE application_name = 'millrace' AND backend_type = 'client backend'`;
      return (await store.rows<{ pid: number }>(own)).map(({ pid }) => pid);
    } finally {
      await store.close();
    }
  }

  async #foldedSamples(): Promise<number> {
    const text = await (await fetch(`${this.#millrace.info.url}/metrics`)).text();
    const line = /^millrace_transformer_samples_total\{.*\} (\d+)/gm;
    return [...text.matchAll(line)].reduce((sum, [, count]) => sum + Number(count), 0);
  }
}

interface Dependency {
  name: string;
  state: string;
  detail?: string;
}

function rssFaults({ rssBytesMax }: ProcessWatch, series: number): string[] {
  const bytesMax = RSS_BYTES_MAX + series * RSS_BYTES_PER_SERIES;
  if (rssBytesMax <= bytesMax) return [];
  return [`${Math.round(rssBytesMax / MIB)} MiB resident, ${Math.round(bytesMax / MIB)} allowed`];
}

function told(
  what: string,
  count: number,
  { rssBytesMax, looks }: ProcessWatch,
  retries: Readonly<Record<string, number>>,
): string {
  const again = Object.entries(retries).map(([why, times]) => `${why} ${times}`);
  return (
    `${what}: ${count.toLocaleString('en-US')} acknowledged, at most ` +
    `${Math.round(rssBytesMax / MIB)} MiB resident, ready in ${looks} looks` +
    (again.length === 0 ? '' : `, sent again: ${again.join(', ')}`)
  );
}
