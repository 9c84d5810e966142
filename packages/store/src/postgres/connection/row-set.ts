import type { TimeUs } from '@millrace/model';
import { isRowFault, rowFaultDetail } from './postgres-errors.ts';
import type { Session } from './session.ts';

/** Rows of one kind of one batch, inserted in ranges so that a bad one can be isolated. */
export interface RowSet {
  /** What a dead letter of it is called. */
  entry: string;
  count: number;
  /** Rows that one statement takes. */
  rowsMax: number;
  /**
   * Inserts rows [from, to). May be called again for parts of a range, after its effects were
   * undone. Resolves with rows that the statement took and that are bad all the same.
   */
  insert(session: Session, from: number, to: number): Promise<readonly RowFault[]>;
  /** What to keep of a row that was refused. */
  letter(row: number): Letter;
}

export interface RowFault {
  row: number;
  reason: string;
  detail: string;
}

/** A row of `dead_letters`, but for its reason. */
export interface Letter {
  /** Undefined: the tenant of the series, if that is known. */
  tenant?: string;
  /** 8 bytes of a series id, or a whole fingerprint. */
  series?: Uint8Array;
  timeUs?: TimeUs;
  value?: number;
  receivedAtUs?: TimeUs;
  /** The whole row as JSON. */
  payload?: string;
  /** Which count of the ledger it leaves for dead letters. */
  counted?: 'stored' | 'unverified';
}

export interface RefusedRow extends Letter {
  entry: string;
  reason: string;
  detail: string;
}

/** The reason of rows that the database itself refuses. */
const REASON_REFUSED = 'store_refused';

/**
 * Inserts all rows of a set. `isolate`: a statement that fails because of a row is undone and
 * repeated in halves, down to the row. That needs savepoints, so it is done only in a second
 * attempt of a batch whose first one failed.
 */
export async function insertRows(
  session: Session,
  rows: RowSet,
  isolate: boolean,
): Promise<RefusedRow[]> {
  const faults = await insertAll(session, rows, isolate);
  return faults.map(({ row, reason, detail }) => ({
    ...rows.letter(row),
    entry: rows.entry,
    reason,
    detail,
  }));
}

/** The same; tells only which rows were refused. */
export async function insertAll(
  session: Session,
  rows: Omit<RowSet, 'letter' | 'entry'>,
  isolate: boolean,
): Promise<RowFault[]> {
  const faults: RowFault[] = [];
  for (let from = 0; from < rows.count; from += rows.rowsMax) {
    const to = Math.min(from + rows.rowsMax, rows.count);
    if (isolate) await insertIsolating(session, rows, { from, to }, faults);
    else faults.push(...(await rows.insert(session, from, to)));
  }
  return faults;
}

async function insertIsolating(
  session: Session,
  rows: Pick<RowSet, 'insert'>,
  range: Readonly<{ from: number; to: number }>,
  faults: RowFault[],
): Promise<void> {
  const { from, to } = range;
  await session.command('SAVEPOINT row_set');
  try {
    const found = await rows.insert(session, from, to);
    await session.command('RELEASE SAVEPOINT row_set');
    faults.push(...found);
    return;
  } catch (error) {
    if (!isRowFault(error)) throw error;
    await session.command('ROLLBACK TO SAVEPOINT row_set');
    await session.command('RELEASE SAVEPOINT row_set');
    if (to - from === 1) {
      faults.push({ row: from, reason: REASON_REFUSED, detail: rowFaultDetail(error) });
      return;
    }
  }
  const middle = (from + to) >>> 1;
  await insertIsolating(session, rows, { from, to: middle }, faults);
  await insertIsolating(session, rows, { from: middle, to }, faults);
}

/** Bytes as hex and numbers that JSON lacks as their names. */
export function letterPayload(row: unknown): string {
  return JSON.stringify(row, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    return value;
  });
}
