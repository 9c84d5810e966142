import type { JobStatus, StageStatus } from '@millrace/runtime';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreClient } from '../services/store-client.ts';

/** A look every so often costs little beside what is measured. */
const LOOK_MS = 200;
const ROLLUP = 'rollup';

/** Rules whose past a running process folds, as programs ask for it. */
export class Candidates {
  readonly #url: string;
  readonly #store: StoreClient;

  constructor(url: string, store: StoreClient) {
    this.#url = `${url}/api/v1/candidates`;
    this.#store = store;
  }

  /** Resolves with its number. */
  async begin(rules: string, sinceMs: number): Promise<number> {
    const answer = await this.#post(`?since_us=${sinceMs * 1000}`, 'application/yaml', rules);
    return (answer as { candidate: { number: number } }).candidate.number;
  }

  async drop(number: number): Promise<void> {
    await this.#post(`/${number}/drop`, 'application/json', '{}');
  }

  /**
   * Resolves with how much of the past was folded, of 1: once the store has the end of every job,
   * or when `isEnough`.
   */
  async untilOver(number: number, msMax: number, isEnough = () => false): Promise<number> {
    const deadlineMs = performance.now() + msMax;
    for (;;) {
      const { ended, partitions } = await this.#ends(number);
      if (partitions > 0 && ended === partitions) return 1;
      if (isEnough()) return await this.#share(number);
      if (performance.now() > deadlineMs) throw new Error(`jobs of ${number} take too long`);
      await sleep(LOOK_MS);
    }
  }

  /** The built-in rule is the same in both. */
  async compared(
    number: number,
    fromMs: number,
  ): Promise<{ windows: number; equal: number; faults: string[] }> {
    const counts = await this.#store.rows<{ change: string; windows: number }>(
      `SELECT change, count(*)::float8 AS windows FROM compare_editions(
         (SELECT min(edition) FROM editions WHERE rule = $1 AND candidate IS NULL),
         (SELECT edition FROM editions WHERE rule = $1 AND candidate = $2),
         to_timestamp($3), 'infinity') GROUP BY change`,
      [ROLLUP, number, fromMs / 1000],
    );
    const of = (change: string): number =>
      counts.find((one) => one.change === change)?.windows ?? 0;
    const wrong = ['changed', 'added', 'removed'].filter((change) => of(change) > 0);
    const { windows } = await this.#store.row<{ windows: number }>(
      `SELECT count(*)::float8 AS windows FROM windows JOIN editions USING (edition)
       WHERE candidate = $1`,
      [number],
    );
    const faults = wrong.map((change) => `${of(change)} windows are ${change}`);
    return { windows, equal: of('equal'), faults };
  }

  async #ends(candidate: number): Promise<{ ended: number; partitions: number }> {
    return await this.#store.row(
      `SELECT count(*)::int AS ended, coalesce(max(partitions), 0)::int AS partitions
       FROM job_ends WHERE candidate = $1`,
      [candidate],
    );
  }

  async #share(number: number): Promise<number> {
    const answer = await fetch(new URL('/api/v1/status', this.#url));
    const { stages } = (await answer.json()) as { stages: StageStatus[] };
    const jobs = stages.flatMap((stage) => stage.jobs ?? []);
    const mine = jobs.filter(({ candidate }) => candidate === number);
    const done = mine.reduce((sum, one) => sum + shareOf(one), 0);
    return mine.length === 0 ? 0 : done / mine.length;
  }

  async #post(path: string, type: string, body: string): Promise<unknown> {
    const headers = { 'content-type': type };
    const answer = await fetch(`${this.#url}${path}`, { method: 'POST', headers, body });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
    return await answer.json();
  }
}

function shareOf({ state, position, endPosition }: JobStatus): number {
  if (state === 'over') return 1;
  return endPosition === 0 ? 0 : Math.min(1, position / endPosition);
}
