import { silentLog, systemClock } from '@millrace/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addressOf,
  batchOf,
  keyOf,
  NOON_US,
  pieceOf,
  samplesOf,
  SECOND_US,
  seriesOf,
} from '../../testing/entries.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';
import type { PostgresStore, PostgresStoreParams } from '../postgres-store.ts';
import { runQuery } from '../connection/run-query.ts';
import { PACKING_DEFAULTS } from '../samples/sample-placement.ts';

const SAMPLES = 5_000;
/** Two batches wait in the head, the third one is packed with them. */
const PACKING = { ...PACKING_DEFAULTS, headRowsMin: 3 * SAMPLES, denseRowsMin: Infinity };
const PIECES = 200;
const BATCHES = 40;
/** The server is killed at about these times after the first batches were sent. */
const CRASHES_MS = [3, 40, 100, 300];

/** A server that can be killed, with a database that has the schema and nothing else. */
export interface MortalServer {
  readonly connection: PostgresConnection;
  openStore(params: Readonly<PostgresStoreParams>): PostgresStore;
  /** SIGKILL; resolves when the server is back. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** What is left of batches after a crash of the server at any time. */
export function describeCrashes(name: string, start: () => Promise<MortalServer>): void {
  describe(`${name}: crashes`, () => {
    let server: MortalServer;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server.stop());

    it('applies a batch as a whole or not at all, whenever the server is killed', async () => {
      const { connection } = server;
      const settings = { packing: PACKING };
      const store = server.openStore({ connection, log: silentLog, settings });
      await store.openMark(keyOf());
      await store.flushedMarks();
      let flushed = 0;
      for (const crashMs of CRASHES_MS) {
        const writing = writeUntilItBreaks(store);
        await systemClock.sleep(crashMs);
        await server.crash();
        await writing;
        const mark = await markOffset(store);
        expect(mark).toBeGreaterThanOrEqual(flushed);
        await expectWhole(connection, mark);
        flushed = (await store.flushedMarks()).get(0)!.mark.offset;
        expect(flushed).toBe(mark);
      }
      await writeUntilItBreaks(store);
      expect(await markOffset(store)).toBe(BATCHES);
      await expectWhole(connection, BATCHES);
      await store.close();
    }, 120_000);
  });
}

/** Everything of the batches below the mark is there, and nothing of those above. */
export async function expectWhole(connection: PostgresConnection, mark: number): Promise<void> {
  expect(await counts(connection)).toEqual({
    samples: mark * SAMPLES,
    finals: mark,
    open: mark === 0 ? 0 : PIECES,
    revisions: mark === 0 ? [] : [mark],
  });
}

/** The batch behind `offset`, of a size that takes a moment. */
export function batchAt(offset: number): Parameters<PostgresStore['apply']>[0] {
  const range = { from: addressOf(offset), to: addressOf(offset + 1) };
  return batchOf(range, entriesOf(offset));
}

/** What a writer does: reads the mark, applies what is above it, stops at an error. */
async function writeUntilItBreaks(store: PostgresStore): Promise<void> {
  try {
    for (let offset = await markOffset(store); offset < BATCHES; offset += 1) {
      expect(await store.apply(batchAt(offset))).toMatchObject({
        outcome: 'applied',
      });
    }
  } catch (error) {
    expect(error).toMatchObject({ kind: 'transient' });
  }
}

/** Samples and a final of their own, and a revision of the same open pieces. */
function entriesOf(offset: number) {
  const samples = Array.from({ length: SAMPLES }, (_, i) => ({
    series: seriesOf('load', { cpu: String(i % 10) }),
    timeUs: NOON_US + (offset * SAMPLES + i) * SECOND_US,
    value: i,
  }));
  return {
    samples: samplesOf(samples),
    open: Array.from({ length: PIECES }, (_, piece) => pieceOf({ piece, count: offset + 1 })),
    finals: [pieceOf({ piece: 1000 + offset })],
  };
}

export async function markOffset(store: PostgresStore): Promise<number> {
  return (await store.marks(0)).get('live')!.mark.offset;
}

async function counts(connection: PostgresConnection): Promise<object> {
  const { rows } = await runQuery(
    connection,
    `SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM windows),
       (SELECT count(*) FROM windows_open),
       (SELECT coalesce(jsonb_agg(DISTINCT count), '[]') FROM windows_open)`,
  );
  const [samples, finals, open, revisions] = rows[0]!;
  return { samples, finals, open, revisions };
}
