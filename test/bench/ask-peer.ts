import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';

const POLL_MS = 50;
const VISIBLE_MS_MAX = 60_000;

/** The body of an answer; anything but a success is an error. */
export async function ask(url: string): Promise<string> {
  const answer = await fetch(url);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`);
  return text;
}

export async function isAnswering(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/**
 * Resolves when the samples of the last step can be queried by PromQL, as what Millrace stores is
 * looked for in SQL. `before` is done before each look.
 */
export async function untilPeerVisible(
  url: string,
  load: LoadSettings,
  result: LoadResult,
  before: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const steps = Math.max(...result.stepsOfGroup);
  const wanted = seriesOfStep(load, result, steps);
  const lastSeconds = (load.firstTimeMs + (steps - 1) * load.stepMs) / 1000;
  const deadlineMs = performance.now() + VISIBLE_MS_MAX;
  for (;;) {
    await before();
    const query = `count(timestamp(${load.metric}) > ${lastSeconds - load.stepMs / 2000})`;
    const found = await askNumber(url, query, lastSeconds);
    if (found === wanted) return;
    if (performance.now() > deadlineMs) {
      throw new Error(`${found} of ${wanted} last samples cannot be queried at ${url}`);
    }
    await sleep(POLL_MS);
  }
}

/** The value of a query that has one; 0 when it has none. */
export async function askNumber(url: string, query: string, time: number): Promise<number> {
  const parameters = new URLSearchParams({ query, time: String(time), nocache: '1' });
  const text = await ask(`${url}/api/v1/query?${parameters.toString()}`);
  const answer = JSON.parse(text) as { data: { result: { value: [number, string] }[] } };
  return Number(answer.data.result[0]?.value[1] ?? 0);
}

/** Of groups that were not sent as often, the last sample is of the step before. */
function seriesOfStep(
  { series, seriesPerRequest }: LoadSettings,
  { stepsOfGroup }: LoadResult,
  steps: number,
): number {
  return stepsOfGroup.reduce((sum, sent, group) => {
    const size = Math.min(seriesPerRequest, series - group * seriesPerRequest);
    return sent === steps ? sum + size : sum;
  }, 0);
}
