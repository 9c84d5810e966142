import type { LedgerTotals } from '@millrace/model';
import type { LedgerEntry } from '@millrace/wire';
import type { MarkKey } from '../../store.ts';
import {
  byteaArray,
  float8Array,
  int8Array,
  nullableTextArray,
  seriesIdArray,
  textArray,
  timeArray,
} from '../connection/array-parameters.ts';
import type { RefusedRow } from '../connection/row-set.ts';
import type { Session } from '../connection/session.ts';

/** A sample that changed columns in the ledger because only the store could tell. */
export interface Move {
  series: Uint8Array;
  /** Undefined: the tenant of the series. */
  tenant?: string;
  move:
    | 'unverified_to_stored'
    | 'unverified_to_duplicate'
    | 'unverified_to_dead_letter'
    | 'stored_to_dead_letter';
}

/** Writes the newest totals of each tenant. */
export async function setTotals(
  session: Session,
  key: MarkKey,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const newest = new Map<string, LedgerTotals>();
  for (const { totals } of entries) for (const one of totals) newest.set(one.tenant, one);
  const totals = [...newest.values()].sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
  const n = totals.length;
  if (n === 0) return;
  const column = (field: Exclude<keyof LedgerTotals, 'tenant' | 'droppedBy'>) =>
    int8Array(n, (i) => totals[i]![field] ?? 0);
  await session.run('set-totals', [
    ...[key.logId, key.partition, key.source],
    textArray(n, (i) => totals[i]!.tenant),
    ...(['accepted', 'stored', 'duplicate', 'conflict', 'dropped'] as const).map(column),
    ...(['unverified', 'deadLetter', 'lost'] as const).map(column),
  ]);
  await setReasons(session, key, totals);
}

/** What the transformer tells of its own columns: whole numbers, as the totals are. */
async function setReasons(
  session: Session,
  key: MarkKey,
  totals: readonly LedgerTotals[],
): Promise<void> {
  const rows = totals.flatMap(({ tenant, droppedBy = [] }) =>
    droppedBy.map(([rule, samples]) => ({ tenant, rule, samples })),
  );
  const n = rows.length;
  if (n === 0) return;
  await session.run('set-reasons', [
    ...[key.logId, key.partition, key.source],
    textArray(n, (i) => rows[i]!.tenant),
    textArray(n, (i) => rows[i]!.rule),
    int8Array(n, (i) => rows[i]!.samples),
  ]);
}

/** Counts dead letters of samples by their reasons. */
export async function countReasons(
  session: Session,
  key: MarkKey,
  letters: readonly RefusedRow[],
): Promise<void> {
  const n = letters.length;
  if (n === 0) return;
  await session.run('count-reasons', [
    ...[key.logId, key.partition, key.source],
    seriesIdArray(n, (i) => letters[i]!.series),
    nullableTextArray(n, (i) => storable(letters[i]!.tenant)),
    textArray(n, (i) => storable(letters[i]!.reason)!),
  ]);
}

export async function moveCounts(
  session: Session,
  key: MarkKey,
  moves: readonly Move[],
): Promise<void> {
  const n = moves.length;
  if (n === 0) return;
  await session.run('move-counts', [
    ...[key.logId, key.partition, key.source],
    seriesIdArray(n, (i) => moves[i]!.series),
    nullableTextArray(n, (i) => storable(moves[i]!.tenant)),
    textArray(n, (i) => moves[i]!.move),
  ]);
}

/** Whether a row was a sample of the ledger before it became a dead letter. */
export function isCounted({ counted, series }: RefusedRow): boolean {
  return counted !== undefined && series !== undefined;
}

/** What leaves the ledger's other columns with these dead letters. */
export function movesOf(refused: readonly RefusedRow[]): Move[] {
  return refused.flatMap(({ counted, series, tenant }): Move[] =>
    counted === undefined || series === undefined
      ? []
      : [
          {
            series,
            ...(tenant === undefined ? {} : { tenant }),
            move: `${counted}_to_dead_letter`,
          },
        ],
  );
}

export async function insertDeadLetters(
  session: Session,
  key: MarkKey,
  letters: readonly RefusedRow[],
): Promise<void> {
  const n = letters.length;
  if (n === 0) return;
  const fingerprint = (letter: RefusedRow) =>
    letter.series?.length === 16 ? letter.series : undefined;
  await session.run('insert-dead-letters', [
    ...[key.logId, key.partition, key.source],
    textArray(n, (i) => letters[i]!.entry),
    nullableTextArray(n, (i) => storable(letters[i]!.tenant)),
    textArray(n, (i) => storable(letters[i]!.reason)!),
    textArray(n, (i) => storable(letters[i]!.detail)!),
    seriesIdArray(n, (i) => letters[i]!.series),
    byteaArray(n, (i) => fingerprint(letters[i]!)),
    timeArray(n, (i) => letters[i]!.timeUs),
    float8Array(n, (i) => letters[i]!.value),
    timeArray(n, (i) => letters[i]!.receivedAtUs),
    byteaArray(n, (i) => {
      const { payload } = letters[i]!;
      return payload === undefined ? undefined : Buffer.from(payload, 'utf8');
    }),
  ]);
}

/** A dead letter must never be refused itself, and text cannot hold the character zero. */
function storable(text: string | undefined): string | undefined {
  return text?.replaceAll('\0', '\ufffd');
}
