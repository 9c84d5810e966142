import { silentLog, systemClock } from '@millrace/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  addressOf,
  batchOf,
  keyOf,
  NOON_US,
  pieceOf,
  samplesOf,
  SECOND_US,
  seriesOf,
} from '../testing/entries.ts';
import {
  superviseEmbeddedPostgres,
  type SupervisedPostgres,
} from '../embedded/supervise-embedded-postgres.ts';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migratePostgres } from './migrate.ts';
import { createPostgresStore, type PostgresStore } from './postgres-store.ts';
import { runQuery } from './run-query.ts';
import type { PostgresConnection } from '../postgres-connection.ts';

const SAMPLES = 5_000;
const PIECES = 200;
const BATCHES = 40;
/** The server is killed at about these times after the first batches were sent. */
const CRASHES_MS = [3, 40, 100, 300];

let directory: string;
let postgres: SupervisedPostgres;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
  await chmod(directory, 0o755);
  postgres = await superviseEmbeddedPostgres({ directory, log: silentLog });
  await migratePostgres({ connection: postgres.connection, log: silentLog });
});
afterAll(async () => {
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
});

it('applies a batch as a whole or not at all, whenever the server is killed', async () => {
  const { connection } = postgres;
  const store = createPostgresStore({ connection, log: silentLog });
  await store.openMark(keyOf());
  await store.flushedMarks();
  let flushed = 0;
  for (const crashMs of CRASHES_MS) {
    const { pid, restarts } = postgres;
    const writing = writeUntilItBreaks(store);
    await systemClock.sleep(crashMs);
    process.kill(pid!, 'SIGKILL');
    await writing;
    await expect
      .poll(() => postgres.isRunning && postgres.restarts, { timeout: 20_000, interval: 10 })
      .toBe(restarts + 1);
    const mark = await markOffset(store);
    expect(mark).toBeGreaterThanOrEqual(flushed);
    expect(await counts(connection)).toEqual({
      samples: mark * SAMPLES,
      finals: mark,
      open: mark === 0 ? 0 : PIECES,
      revisions: mark === 0 ? [] : [mark],
    });
    flushed = (await store.flushedMarks()).get(0)!.mark.offset;
    expect(flushed).toBe(mark);
  }
  await writeUntilItBreaks(store);
  expect(await markOffset(store)).toBe(BATCHES);
  expect(await counts(connection)).toMatchObject({ samples: BATCHES * SAMPLES, finals: BATCHES });
  await store.close();
}, 120_000);

/** What a writer does: reads the mark, applies what is above it, stops at an error. */
async function writeUntilItBreaks(store: PostgresStore): Promise<void> {
  try {
    for (let offset = await markOffset(store); offset < BATCHES; offset += 1) {
      const range = { from: addressOf(offset), to: addressOf(offset + 1) };
      expect(await store.apply(batchOf(range, entriesOf(offset)))).toMatchObject({
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

async function markOffset(store: PostgresStore): Promise<number> {
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
