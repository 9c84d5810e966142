import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { LoadResult, LoadSettings } from '../load/load-run.ts';
import { settledLedger } from '../services/ledger-check.ts';
import type { StoreClient } from '../services/store-client.ts';
import { checkStoredLoad, untilLoadVisible } from '../services/stored-load.ts';
import { pacedFaults } from './paced-faults.ts';
import { countEvents, countPaced, SHAPE, type PacedSamples } from './paced-samples.ts';
import type { OnceCounts } from './survived-faults.ts';
import { windowFaults } from './window-totals.ts';

const VISIBLE_MS_MAX = 180_000;
const LEDGER_MS_MAX = 60_000;

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
  accountable: Accountable,
  loads: readonly PacedSamples[],
  msMax: number,
): Promise<{ faults: readonly string[]; counts: OnceCounts }> {
  const { store } = accountable;
  const faults = [
    ...(await pacedFaults(store, loads, msMax)),
    ...(await lossFaults(store)),
    ...(await auditFaults(accountable)),
  ];
  const sent = loads.at(-1)!;
  const [events, counters] = [await eventRows(store, sent), await counterRows(store, sent)];
  const samples = countPaced(sent);
  const missing = samples - events.distinct - counters.distinct;
  const twice = events.rows + counters.rows - events.distinct - counters.distinct;
  if (faults.length === 0 && missing + twice > 0) faults.push(`${missing} missing, ${twice} twice`);
  return { faults, counts: { samples, missing, twice } };
}

/** The same after a fault in one process, of a load by remote write. */
export async function accountForLoad(
  accountable: Accountable,
  load: LoadSettings,
  result: LoadResult,
): Promise<{ faults: readonly string[]; counts: OnceCounts }> {
  const { store } = accountable;
  await untilLoadVisible(store, load, result, VISIBLE_MS_MAX);
  const { samples } = result;
  const { wrong, rows, missing, twice } = await checkStoredLoad(store, load, result);
  const counts = { samples, missing, twice };
  if (wrong.length > 0 || rows !== samples) {
    return { faults: [`${samples} acknowledged, ${rows} rows`, ...wrong], counts };
  }
  const { ledger, fault } = await settledLedger(store, samples, LEDGER_MS_MAX);
  const faults = fault === undefined ? [] : [`ledger: ${fault}`];
  for (const name of ['conflict', 'dropped', 'unverified', 'deadLetter'] as const) {
    if (ledger[name] !== 0) faults.push(`ledger: ${name} ${ledger[name]}`);
  }
  faults.push(...(await lossFaults(store)), ...(await windowFaults(store, load, result)));
  faults.push(...(await auditFaults(accountable)));
  return { faults, counts };
}

/** Nothing is missing, and so nothing may be told as lost. */
async function lossFaults(store: StoreClient): Promise<string[]> {
  const { lost } = await store.row<{ lost: number }>(
    `SELECT coalesce(sum(lost), 0)::float8 AS lost FROM ledger`,
  );
  return lost === 0 ? [] : [`ledger: ${lost} lost`];
}

/** What the log says must be there, by two ways that share no code, is what is stored. */
export async function auditFaults(audited: Pick<Accountable, 'run'>): Promise<string[]> {
  const report = join(await mkdtemp(join(tmpdir(), 'millrace-audit-')), 'report');
  const faults: string[] = [];
  for (const how of [[], ['--deep']]) {
    try {
      await audited.run('audit', '--json', '--report', report, ...how);
    } catch (error) {
      faults.push(`audit ${how.join(' ')}: ${String(error)}; see ${report}.txt`);
    }
  }
  if (faults.length === 0) await rm(dirname(report), { recursive: true });
  return faults;
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
