import type { MemoryStoreDatabase } from '@millrace/store/memory';
import type { StoredLog } from './stored-log.ts';

type MemoryLetter = MemoryStoreDatabase['deadLetters'][number];
type MemoryMoves = NonNullable<ReturnType<MemoryStoreDatabase['moves']['get']>>;
export type MemoryRow = MemoryStoreDatabase['samples'][number];

/** Takes rows out of the store, as if they had never got there. */
export function loseRows({ database }: StoredLog, ...places: readonly number[]): MemoryRow[] {
  const rows = places.map((place) => database.samples[place]!);
  database.samples = database.samples.filter((row) => !rows.includes(row));
  return rows;
}

/** What the store writes down of a row that it cannot take. */
export function addLetter(
  { database }: StoredLog,
  { seriesId, timeUs, value = NaN }: Pick<MemoryRow, 'seriesId' | 'timeUs' | 'value'>,
  more: Partial<MemoryLetter> = {},
): MemoryLetter {
  const { logId, partition } = database.marks[0]!;
  const letter: MemoryLetter = {
    ...{ logId, partition, tenant: 'default', reason: 'store_refused', detail: '' },
    fingerprint: new Uint8Array(Buffer.from(seriesId + seriesId, 'hex')),
    ...{ timeUs, value, receivedAtUs: 0 },
    ...more,
  };
  database.deadLetters.push(letter);
  return letter;
}

/** Counts that the store keeps beside the ledger of partition 0. */
export function countMoves({ database }: StoredLog, counts: Partial<MemoryMoves>): void {
  const [key] = [...database.totals].find(([, { partition }]) => partition === 0)!;
  const known = database.moves.get(key) ?? { stored: 0, duplicate: 0 };
  database.moves.set(key, { ...known, ...counts });
}
