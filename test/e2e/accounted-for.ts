import type { StoreClient } from '../services/store-client.ts';
import { pacedFaults } from './paced-faults.ts';
import { countEvents, countPaced, SHAPE, type PacedSamples } from './paced-samples.ts';
import type { OnceCounts } from './survived-faults.ts';

/** Processes whose store can be asked, and the command that anybody would call beside them. */
export interface Accountable {
  readonly store: StoreClient;
  run(...args: string[]): Promise<string>;
}

/**
 * What is checked after each fault on services: all that was acknowledged is stored, counted and
 * folded once. Waits for what is still under way, at most `msMax`. Whatever is not as it must be
 * is in `faults`; `counts` are by unique id, of the last load.
 */
export async function accountForPaced(
  { store }: Accountable,
  loads: readonly PacedSamples[],
  msMax: number,
): Promise<{ faults: readonly string[]; counts: OnceCounts }> {
  const faults = await pacedFaults(store, loads, msMax);
  const sent = loads.at(-1)!;
  const [events, counters] = [await eventRows(store, sent), await counterRows(store, sent)];
  const samples = countPaced(sent);
  const missing = samples - events.distinct - counters.distinct;
  const twice = events.rows + counters.rows - events.distinct - counters.distinct;
  if (faults.length === 0 && missing + twice > 0) faults.push(`${missing} missing, ${twice} twice`);
  return { faults, counts: { samples, missing, twice } };
}

interface Rows {
  rows: number;
  /** That were sent, each of them once. */
  distinct: number;
}

/** The value of an event is its number. */
async function eventRows(store: StoreClient, sent: PacedSamples): Promise<Rows> {
  return await store.row<Rows>(
    `SELECT count(*)::integer AS rows,
       count(DISTINCT value) FILTER (WHERE value >= 0 AND value < $2)::integer AS distinct
     FROM series_samples WHERE metric = $1`,
    [`${sent.name}_orders`, countEvents(sent)],
  );
}

async function counterRows(store: StoreClient, sent: PacedSamples): Promise<Rows> {
  return await store.row<Rows>(
    `SELECT coalesce(sum(rows), 0)::integer AS rows,
       coalesce(sum(least(times, ($2::integer[])[(number / $3) + 1])), 0)::integer AS distinct
     FROM (
       SELECT (labels ->> 'number')::integer AS number, count(*)::integer AS rows,
         count(DISTINCT time)::integer AS times
       FROM series_samples WHERE metric = $1 GROUP BY 1
     ) AS series`,
    [`${sent.name}_requests_total`, sent.steps, SHAPE.seriesPerLane],
  );
}
