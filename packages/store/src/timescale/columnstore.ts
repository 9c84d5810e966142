import { errorText, type Log } from '@millrace/runtime';
import type { Session } from '../postgres/connection/session.ts';
import { hasColumnstore, readColumnstore, type TimescaleOffer } from './timescale-features.ts';

/**
 * Lets the tables of samples be turned into columns, by series and time, where the edition has
 * that. Turns nothing: direct compress does for what it copies, and a columnstore policy would
 * for the rest. Never required: a refusal is logged. Tells what it did, or would do.
 */
export async function enableColumnstore(
  session: Session,
  params: Readonly<{ isPlan: boolean; log: Log }>,
): Promise<string[]> {
  const { isPlan, log } = params;
  // In a plan for an empty database there is nothing to look at yet.
  const { rows } = await session.run<TimescaleOffer>('timescale-features');
  const offer = rows[0];
  if (offer === undefined || !hasColumnstore(offer)) return [];
  const steps: string[] = [];
  for (const { name, is_enabled: isEnabled } of await readColumnstore(session)) {
    if (isEnabled) continue;
    if (isPlan || (await enable(session, name, log))) steps.push(`columnstore of ${name}`);
  }
  return steps;
}

async function enable(session: Session, table: string, log: Log): Promise<boolean> {
  await session.command('SAVEPOINT columnstore');
  try {
    await session.command(
      `ALTER TABLE ${table} SET (timescaledb.enable_columnstore,
         timescaledb.segmentby = 'series_id', timescaledb.orderby = 'time')`,
    );
    await session.command('RELEASE SAVEPOINT columnstore');
    return true;
  } catch (error) {
    await session.command('ROLLBACK TO SAVEPOINT columnstore');
    log.warn({ table, error: errorText(error) }, 'A table stays without columns');
    return false;
  }
}
