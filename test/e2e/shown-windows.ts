import { setTimeout as sleep } from 'node:timers/promises';
import { StoreClient } from '../services/store-client.ts';
import type { RunFile } from '@millrace/single/running';

/** What one query saw of all rules together. */
export interface SeenWindows {
  /** Of each rule: its edition, how many series, and samples in all of its windows. */
  readonly rules: readonly SeenRule[];
  readonly begunMs: number;
  readonly endedMs: number;
}

export interface SeenRule {
  readonly rule: string;
  readonly edition: string;
  readonly series: number;
  readonly samples: number;
}

const CONNECTIONS = 4;
/** More than one row of a rule: its windows are of several editions. */
const SHOWN = `
  SELECT rule, edition::text AS edition, count(DISTINCT series_id)::int AS series,
    sum(count)::float8 AS samples
  FROM series_windows
  WHERE rule = ANY($1) AND start >= $2
  GROUP BY rule, series_windows.edition ORDER BY rule, series_windows.edition`;

/** Asks for all windows of some rules, so many times a second, as a dashboard of many people would. */
export class ShownWindows {
  /** Queries that were answered. */
  queries = 0;
  readonly #clients: readonly StoreClient[];
  readonly #values: readonly unknown[];

  private constructor(clients: readonly StoreClient[], values: readonly unknown[]) {
    this.#clients = clients;
    this.#values = values;
  }

  /** Of windows that start at `from` or later, RFC 3339. */
  static async connect(
    info: RunFile,
    params: Readonly<{ rules: readonly string[]; from: string }>,
  ): Promise<ShownWindows> {
    const connecting = Array.from({ length: CONNECTIONS }, () => StoreClient.connect(info));
    return new ShownWindows(await Promise.all(connecting), [params.rules, params.from]);
  }

  async look(client: StoreClient = this.#clients[0]!): Promise<SeenWindows> {
    const begunMs = performance.now();
    const rules = await client.rows<SeenRule>(SHOWN, this.#values);
    return { rules, begunMs, endedMs: performance.now() };
  }

  /** Until the signal says so. When the store is too slow for it, as often as it answers. */
  async watch(
    perSecond: number,
    params: Readonly<{ seen: (windows: SeenWindows) => void; signal: AbortSignal }>,
  ): Promise<void> {
    const { seen, signal } = params;
    const startMs = performance.now();
    let next = 0;
    const ask = async (client: StoreClient): Promise<void> => {
      while (!signal.aborted) {
        const waitMs = startMs + (next * 1000) / perSecond - performance.now();
        next += 1;
        if (waitMs > 0) await sleep(waitMs);
        seen(await this.look(client));
        this.queries += 1;
      }
    };
    await Promise.all(this.#clients.map(ask));
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}
