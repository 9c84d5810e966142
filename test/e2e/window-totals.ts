import { until } from '../integration/running-millrace.ts';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import type { StoreClient } from '../services/store-client.ts';

interface Totals {
  width: string;
  count: number;
  sum: number;
  increase: number;
}

const FINAL_MS_MAX = 30_000;
/** The widths that every series has roll-ups of. */
const WIDTHS = ['00:05:00', '01:00:00'];

/**
 * What is wrong with the windows of a load whose windows are all over: each sample must be folded
 * once into each width, whatever was interrupted in between. Empty when nothing is.
 */
export async function windowFaults(
  store: StoreClient,
  load: LoadSettings,
  result: LoadResult,
): Promise<string[]> {
  const wanted = WIDTHS.map((width) => ({ width, ...totalsOf(load, result) }));
  let found: Totals[] = [];
  try {
    await until('the windows are final', FINAL_MS_MAX, async () => {
      found = await readTotals(store, load.metric);
      return JSON.stringify(found) === JSON.stringify(wanted);
    });
    return [];
  } catch (error) {
    const windows = `${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`;
    return [`windows: ${windows} (${String(error)})`];
  }
}

async function readTotals(store: StoreClient, metric: string): Promise<Totals[]> {
  return await store.rows<Totals>(
    `SELECT width::text, sum(count)::float8 AS count, sum(sum) AS sum, sum(increase) AS increase
     FROM windows WHERE series_id IN (SELECT series_id FROM series WHERE metric = $1)
     GROUP BY width ORDER BY width`,
    [metric],
  );
}

/** Values are step plus place, so a series rises by one from step to step. */
function totalsOf(load: LoadSettings, { stepsOfGroup }: LoadResult): Omit<Totals, 'width'> {
  const totals = { count: 0, sum: 0, increase: 0 };
  stepsOfGroup.forEach((steps, group) => {
    const first = group * load.seriesPerRequest;
    const series = Math.min(load.seriesPerRequest, load.series - first);
    totals.count += series * steps;
    totals.sum += (series * steps * (steps - 1 + series - 1)) / 2;
    totals.increase += series * Math.max(0, steps - 1);
  });
  return totals;
}
