import { labelValue, METRIC_NAME_LABEL, SAMPLE_KIND_NAMES, seriesIdOf } from '@millrace/model';
import type { DefinitionEntry, MetadataEntry } from '@millrace/wire';
import {
  fingerprintCheckArray,
  jsonbArray,
  seriesIdArray,
  textArray,
  timeArray,
} from './array-parameters.ts';
import { letterPayload, type RowSet } from './row-set.ts';

const ROWS_MAX = 5_000;

interface Definition extends Omit<DefinitionEntry, 'seenUs'> {
  firstUs: number;
  lastUs: number;
}

/**
 * Series definitions, each series once and in the order of its id: several partitions may bring
 * the same output series, and rows locked in different orders would deadlock.
 */
export function definitionRowSet(entries: readonly DefinitionEntry[]): RowSet {
  const definitions = mergeDefinitions(entries);
  return {
    entry: 'definition',
    count: definitions.length,
    rowsMax: ROWS_MAX,
    insert: async (session, from, to) => {
      const some = definitions.slice(from, to);
      // Two series with one id in one statement would make it fail as a whole.
      const rows = some.filter((one, i) => i === 0 || !isSameId(one, some[i - 1]!));
      const columns = parameters(rows);
      const { count } = await session.run('define-series', columns);
      if (count === to - from) return [];
      const { rows: taken } = await session.run<{ series_id: string }>(
        'find-defined',
        columns.slice(0, 2),
      );
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

function parameters(definitions: readonly Definition[]): unknown[] {
  const n = definitions.length;
  return [
    seriesIdArray(n, (i) => definitions[i]!.fingerprint),
    fingerprintCheckArray(n, (i) => definitions[i]!.fingerprint),
    textArray(n, (i) => definitions[i]!.tenant),
    textArray(n, (i) => labelValue(definitions[i]!.labels, METRIC_NAME_LABEL) ?? ''),
    jsonbArray(n, (i) => labelsJson(definitions[i]!.labels)),
    textArray(n, (i) => SAMPLE_KIND_NAMES[definitions[i]!.kind] ?? 'unknown'),
    timeArray(n, (i) => definitions[i]!.firstUs),
    timeArray(n, (i) => definitions[i]!.lastUs),
  ];
}

/** Labels as a JSON object, without the metric's name. */
export function labelsJson(labels: readonly (readonly [name: string, value: string])[]): string {
  let json = '{';
  for (const [name, value] of labels) {
    if (name === METRIC_NAME_LABEL) continue;
    if (json.length > 1) json += ',';
    json += `${quoted(name)}:${quoted(value)}`;
  }
  return `${json}}`;
}

/** Text as JSON; most of it needs nothing but the quotes. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

const PLAIN = /^[ !#-[\]-~]*$/;

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
