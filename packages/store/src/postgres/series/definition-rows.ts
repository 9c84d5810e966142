import { seriesIdOf } from '@millrace/model';
import type { DefinitionEntry, MetadataEntry } from '@millrace/wire';
import {
  fingerprintCheckArray,
  jsonbArray,
  seriesIdArray,
  textArray,
  timeArray,
} from '../connection/array-parameters.ts';
import type { BinaryWriter } from '../connection/binary-writer.ts';
import {
  encodeDefinitionCopy,
  kindOf,
  labelsJson,
  metricOf,
  type Definition,
} from './definition-copy.ts';
import { isRowFault } from '../connection/postgres-errors.ts';
import { letterPayload, type RowSet } from '../connection/row-set.ts';
import type { Session } from '../connection/session.ts';

const ROWS_MAX = 5_000;
/** From so many on it pays to look whether they are new. */
const COPIED_MIN = 200;
const LOOKED_AT = 16;

/**
 * Series definitions, each series once and in the order of its id: several partitions may bring
 * the same output series, and rows locked in different orders would deadlock.
 */
export function definitionRowSet(
  entries: readonly DefinitionEntry[],
  writer: BinaryWriter,
): RowSet {
  const definitions = mergeDefinitions(entries);
  return {
    entry: 'definition',
    count: definitions.length,
    rowsMax: ROWS_MAX,
    insert: async (session, from, to) => {
      const some = definitions.slice(from, to);
      // Two series with one id in one statement would make it fail as a whole.
      const rows = some.filter((one, i) => i === 0 || !isSameId(one, some[i - 1]!));
      const count = await define(session, rows, writer);
      if (count === to - from) return [];
      const { rows: taken } = await session.run<{ series_id: string }>('find-defined', keys(rows));
      const ids = new Set(taken.map((row) => BigInt(row.series_id)));
      const good = new Set(rows.filter(({ fingerprint }) => ids.has(seriesIdOf(fingerprint))));
      return some.flatMap((one, i) =>
        good.has(one) ? [] : [{ row: from + i, reason: 'series_id_collision', detail: COLLISION }],
      );
    },
    letter: (row) => {
      const { tenant, fingerprint } = definitions[row]!;
      return { tenant, series: fingerprint, payload: letterPayload(definitions[row]) };
    },
  };
}

/** How many of them are there afterwards. */
async function define(
  session: Session,
  rows: readonly Definition[],
  writer: BinaryWriter,
): Promise<number> {
  const areNew = rows.length >= COPIED_MIN && !(await isAnyKnown(session, rows));
  return areNew ? await copy(session, rows, writer) : await upsert(session, rows);
}

/**
 * Of some of them: what is said again every day is known, all of it, and of series that are new
 * together none is. To look for each would cost as much as is saved, and where that is wrong it
 * shows when they are copied.
 */
async function isAnyKnown(session: Session, rows: readonly Definition[]): Promise<boolean> {
  const step = rows.length / LOOKED_AT;
  const some = Array.from({ length: LOOKED_AT }, (_, i) => rows[Math.floor(i * step)]!);
  const { count } = await session.runPlannedAnew('find-known', keys(some).slice(0, 1));
  return count > 0;
}

/**
 * At two thirds of the price of an upsert for the database, and half of it for us. Where another
 * partition had one of them first, or a row is refused, it is as if it had not been tried.
 */
async function copy(
  session: Session,
  rows: readonly Definition[],
  writer: BinaryWriter,
): Promise<number> {
  await session.command('SAVEPOINT definitions');
  try {
    await session.copy('copy-definitions', encodeDefinitionCopy(writer, rows));
  } catch (error) {
    if (!isRowFault(error)) throw error;
    await session.command('ROLLBACK TO SAVEPOINT definitions');
    await session.command('RELEASE SAVEPOINT definitions');
    return upsert(session, rows);
  }
  await session.command('RELEASE SAVEPOINT definitions');
  return rows.length;
}

async function upsert(session: Session, rows: readonly Definition[]): Promise<number> {
  const { count } = await session.run('define-series', parameters(rows));
  return count;
}

const COLLISION =
  'Another series with the same series_id was there first; the samples of both now share it.';

/** Of each series the last one, with the first and the last time at which it was seen. */
function mergeDefinitions(entries: readonly DefinitionEntry[]): Definition[] {
  const merged: Definition[] = [];
  // Field by field: to spread objects takes several times as long, and a million may come at once.
  for (const { fingerprint, tenant, labels, kind, seenUs } of inOrder(entries)) {
    const known = merged.at(-1);
    if (known === undefined || !isSame(known.fingerprint, fingerprint)) {
      merged.push({ fingerprint, tenant, labels, kind, firstUs: seenUs, lastUs: seenUs });
      continue;
    }
    known.tenant = tenant;
    known.labels = labels;
    known.kind = kind;
    known.firstUs = Math.min(seenUs, known.firstUs);
    known.lastUs = Math.max(seenUs, known.lastUs);
  }
  return merged;
}

/** By the bytes of the fingerprint; of one series as they came. */
function inOrder(entries: readonly DefinitionEntry[]): DefinitionEntry[] {
  // Six bytes tell nearly all of them apart, and numbers are compared without a call.
  const keys = Float64Array.from(entries, ({ fingerprint }) => leadingBytes(fingerprint));
  const order = Uint32Array.from(entries.keys());
  order.sort(
    (a, b) =>
      keys[a]! - keys[b]! ||
      Buffer.compare(entries[a]!.fingerprint, entries[b]!.fingerprint) ||
      a - b,
  );
  return Array.from(order, (i) => entries[i]!);
}

function leadingBytes(fingerprint: Uint8Array): number {
  let number = 0;
  for (let i = 0; i < 6; i += 1) number = number * 256 + fingerprint[i]!;
  return number;
}

function isSame(a: Uint8Array, b: Uint8Array, length: number = a.length): boolean {
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

function isSameId(a: Definition, b: Definition): boolean {
  return isSame(a.fingerprint, b.fingerprint, SERIES_ID_BYTES);
}

const SERIES_ID_BYTES = 8;

/** Ids, and what tells series of one id apart. */
function keys(definitions: readonly Definition[]): unknown[] {
  const n = definitions.length;
  return [
    seriesIdArray(n, (i) => definitions[i]!.fingerprint),
    fingerprintCheckArray(n, (i) => definitions[i]!.fingerprint),
  ];
}

function parameters(definitions: readonly Definition[]): unknown[] {
  const n = definitions.length;
  return [
    ...keys(definitions),
    textArray(n, (i) => definitions[i]!.tenant),
    textArray(n, (i) => metricOf(definitions[i]!)),
    jsonbArray(n, (i) => labelsJson(definitions[i]!.labels)),
    textArray(n, (i) => kindOf(definitions[i]!.kind)),
    timeArray(n, (i) => definitions[i]!.firstUs),
    timeArray(n, (i) => definitions[i]!.lastUs),
  ];
}

/** Metadata of metrics, the last of each, in an order that cannot deadlock. */
export function metadataRowSet(entries: readonly MetadataEntry[]): RowSet {
  const last = new Map(entries.map((entry) => [`${entry.tenant}\0${entry.metric}`, entry]));
  const metadata = [...last].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  return {
    entry: 'metadata',
    count: metadata.length,
    rowsMax: ROWS_MAX,
    insert: async (session, from, to) => {
      const some = metadata.slice(from, to);
      const column = (field: keyof MetadataEntry) => textArray(some.length, (i) => some[i]![field]);
      const columns = (['tenant', 'metric', 'type', 'unit', 'help'] as const).map(column);
      await session.run('upsert-metadata', columns);
      return [];
    },
    letter: (row) => ({ tenant: metadata[row]!.tenant, payload: letterPayload(metadata[row]) }),
  };
}
