import { compareAddress, type Address } from '@millrace/model';
import { MillraceError, type ErrorKind, type PartitionStatus, type Stage } from '@millrace/runtime';
import type { MemoryMark, MemoryStoreDatabase } from '@millrace/store/memory';
import { expect, vi } from 'vitest';
import { sampleCount, SERIES, TEST_LOG_ID } from './entry-sequence.ts';

export function at(offset: number, ordinal = 0): Address {
  return { offset, ordinal };
}

/** Looks again and again until `check` does not throw, within a bound. */
export async function until(check: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(check, { timeout: 5_000, interval: 2 });
}

export function statusOf(writer: Stage, partition = 0): PartitionStatus {
  return writer.status().partitions.find((one) => one.partition === partition)!;
}

export function markOf(database: MemoryStoreDatabase, partition = 0): Address | undefined {
  return database.marks.find((one) => one.partition === partition)?.mark;
}

/** As if the store had applied everything below `mark`. */
export function setMark(database: MemoryStoreDatabase, mark: Address, partition = 0): void {
  const times = { position: undefined, partitionTimeUs: undefined, watermarkUs: undefined };
  const key = { logId: TEST_LOG_ID, logNumber: 1, partition, source: 'live' };
  const changed: MemoryMark = { ...key, ...times, mark, isOpen: true };
  const others = database.marks.filter((one) => one.partition !== partition);
  database.marks = [...others, changed];
}

export async function expectMark(
  database: MemoryStoreDatabase,
  position: number,
  partition = 0,
): Promise<void> {
  await until(() => expect(markOf(database, partition)).toEqual(at(position)));
}

export function failure(kind: ErrorKind, code = 'STORE_TEST'): MillraceError {
  return new MillraceError({
    code,
    kind,
    message: `It is ${kind}.`,
    remedy: 'None.',
  });
}

/** `series time value` of every sample, in the order of the transactions. */
export function samplesOf(database: MemoryStoreDatabase): string[] {
  return database.samples.map(({ seriesId, timeUs, value }) => `${seriesId} ${timeUs} ${value}`);
}

/** The samples of the sequence from one position to another, in the same form. */
export function expectedSamples(from: number, position: number): string[] {
  const samples: string[] = [];
  for (let offset = from; offset < position; offset += 1) {
    for (let i = 0; i < 3; i += 1) {
      const series = Buffer.from(SERIES[(offset + i) % SERIES.length]!.subarray(0, 8));
      samples.push(`${series.toString('hex')} ${(offset * 3 + i) * 1e6} ${offset + i / 10}`);
    }
  }
  return samples;
}

/** What a database has that applied the whole sequence, entry by entry. */
export function expectWhole(database: MemoryStoreDatabase, position: number): void {
  expect(samplesOf(database)).toEqual(expectedSamples(0, position));
  expect(database.finals.length).toBe(Math.floor(position / 7));
  expect([...database.open.values()].map(({ count }) => count)).toEqual(
    position % 7 === 0 ? [] : [(position % 7) * 3],
  );
  const accepted = sampleCount(position - 1);
  expect(database.ledger(0)).toMatchObject([{ accepted, stored: accepted }]);
}

export function isSorted(addresses: readonly Address[]): boolean {
  return addresses.every(
    (address, i) => i === 0 || compareAddress(addresses[i - 1]!, address) <= 0,
  );
}

export interface Deferred {
  promise: Promise<void>;
  resolve: () => void;
}

export function deferred(): Deferred {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
