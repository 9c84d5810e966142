import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreClient } from '../services/store-client.ts';

const METRIC = 'bench_probe';
const SEND_EVERY_MS = 200;
const POLL_MS = 5;

export interface Probe {
  /** Sends no more, waits for what is not seen yet, and returns how long each sample took. */
  end(msMax: number): Promise<number[]>;
}

/** Sends a sample of one series every 200 ms and polls the store until each can be seen. */
export async function startProbe(
  params: Readonly<{ url: string; store: StoreClient }>,
): Promise<Probe> {
  const { url, store } = params;
  const seriesId = await firstSeries(url, store);
  const sentAtMs = new Map<number, number>();
  const tookMs: number[] = [];
  let isSending = true;
  let failure: unknown;
  const send = async (): Promise<void> => {
    for (let n = 1; isSending; n += 1) {
      sentAtMs.set(n, performance.now());
      await push(url, n);
      await sleep(Math.max(0, sentAtMs.get(n)! + SEND_EVERY_MS - performance.now()));
    }
  };
  const look = async (): Promise<void> => {
    let seen = 0;
    while (isSending || seen < sentAtMs.size) {
      if (seen === sentAtMs.size) {
        // Asking for what nobody sent costs as much as what is measured.
        await sleep(POLL_MS);
        continue;
      }
      const rows = await store.rows<{ value: number }>(
        `SELECT value FROM samples WHERE series_id = $1 AND bucket > now() - interval '10 minutes'
           AND value > $2 ORDER BY value`,
        [seriesId, seen],
      );
      for (const { value } of rows) {
        tookMs.push(performance.now() - sentAtMs.get(value)!);
        seen = value;
      }
      await sleep(POLL_MS);
    }
  };
  const running = Promise.all([send(), look()]).catch((error: unknown) => (failure = error));
  return {
    end: async (msMax) => {
      isSending = false;
      const giveUp = new AbortController();
      const late = sleep(msMax, 'late', { signal: giveUp.signal }).catch(() => 'over');
      const first = await Promise.race([running, late]);
      giveUp.abort();
      if (failure !== undefined) throw failure;
      if (first === 'late') throw new Error(`${sentAtMs.size - tookMs.length} probes never seen`);
      return tookMs;
    },
  };
}

/** The id of the probe's series, which is known once its first sample is stored. */
async function firstSeries(url: string, store: StoreClient): Promise<string> {
  await push(url, 0, '?wait=stored&timeout=60s');
  const { id } = await store.row<{ id: string }>(
    `SELECT series_id::text AS id FROM series WHERE metric = $1`,
    [METRIC],
  );
  return id;
}

async function push(url: string, value: number, query = ''): Promise<void> {
  const answer = await fetch(`${url}/v1/events${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: METRIC, value, time: Date.now() }),
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  await answer.body?.cancel();
}
