import type { Clock } from '@millrace/runtime';
import { ledgerReport, type LedgerReport } from '@millrace/store';
import { expect, it } from 'vitest';
import { untilPiecesAreStored } from './until-pieces-are-stored.ts';

const SECOND = 1_000_000;
const T0 = 1_700_000_000 * SECOND;
const ENTRY_SECONDS = 1;
const { signal } = new AbortController();

/** A ledger that is published each second of its own time, which runs as the sleeper sleeps. */
class Ledger {
  readonly #speeds: readonly number[];
  #sleptMs = 0;
  looks = 0;

  /** `speeds`: how many seconds of partition time pass in one second, by partition. */
  constructor(speeds: readonly number[]) {
    this.#speeds = speeds;
  }

  readonly clock: Clock = {
    nowUs: () => {
      throw new Error('No clock of this machine is to be asked.');
    },
    sleep: (ms) => {
      this.#sleptMs += ms;
      return Promise.resolve();
    },
  } as Clock;

  /** Seconds of partition time that had passed when an entry was last published. */
  secondsOf(partition: number): number {
    const seconds = (this.#sleptMs / 1000) * this.#speeds[partition]!;
    return Math.floor(seconds / ENTRY_SECONDS) * ENTRY_SECONDS;
  }

  readonly ledger = (): Promise<LedgerReport | undefined> => {
    this.looks += 1;
    const positions = this.#speeds.map((_, partition) => {
      const seconds = this.secondsOf(partition);
      // As partitions' clocks may, these differ by hours.
      const partitionTimeUs = T0 + (partition * 3600 + seconds) * SECOND;
      const watermarkUs = partitionTimeUs - 60 * SECOND;
      return { partition, logId: 'a', position: 100 + seconds, partitionTimeUs, watermarkUs };
    });
    return Promise.resolve(ledgerReport([], positions));
  };
}

it('waits for eleven seconds of each partition behind the entry that counts all', async () => {
  for (const speeds of [
    [1, 1],
    [1, 3],
    [2, 0.7],
  ]) {
    const ledger = new Ledger(speeds);
    await untilPiecesAreStored(ledger, { clock: ledger.clock, signal });
    const seconds = speeds.map((_, partition) => ledger.secondsOf(partition));
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(12);
    expect(seconds).toContain(12);
  }
});

it('gives up where a partition stands still, or nobody tells', async () => {
  const ledger = new Ledger([1, 0]);
  await untilPiecesAreStored(ledger, { clock: ledger.clock, signal });
  expect(ledger.looks).toBe(160);
  let looks = 0;
  const nobody = (): Promise<undefined> => {
    looks += 1;
    return Promise.resolve(undefined);
  };
  await untilPiecesAreStored({ ledger: nobody }, { clock: ledger.clock, signal });
  expect(looks).toBe(1);
});
