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
      // Two series with one id in one statement would make it fail as a whole.
      const rows = range(from, to).filter((row) => !sameId(definitions, row - 1, row, from));
      const { rows: taken } = await session.run<{ series_id: string }>(
        'define-series',
        parameters(rows.map((row) => definitions[row]!)),
      );
      if (taken.length === to - from) return [];
      const ids = new Set(taken.map((row) => BigInt(row.series_id)));
      const good = new Set(rows.filter((row) => ids.has(idOf(definitions[row]!))));
      return range(from, to)
        .filter((row) => !good.has(row))
        .map((row) => ({ row, reason: 'series_id_collision', detail: COLLISION }));
    },
    letter: (row) => {
      const { tenant, fingerprint } = definitions[row]!;
      return { tenant, series: fingerprint, payload: letterPayload(definitions[row]) };
    },
  };
}

const COLLISION =
  'Another series with the same series_id was there first; the samples of both now share it.';

function mergeDefinitions(entries: readonly DefinitionEntry[]): Definition[] {
  const byKey = new Map<string, Definition>();
  for (const { seenUs, ...entry } of entries) {
    const key = Buffer.from(entry.fingerprint).toString('hex');
    const known = byKey.get(key);
    byKey.set(key, {
      ...entry,
      firstUs: Math.min(seenUs, known?.firstUs ?? seenUs),
      lastUs: Math.max(seenUs, known?.lastUs ?? seenUs),
    });
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, definition]) => definition);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function idOf(definition: Definition): bigint {
  return seriesIdOf(definition.fingerprint);
}

function sameId(all: readonly Definition[], a: number, b: number, from: number): boolean {
  return a >= from && idOf(all[a]!) === idOf(all[b]!);
}

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
  return JSON.stringify(Object.fromEntries(labels.filter(([name]) => name !== METRIC_NAME_LABEL)));
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
