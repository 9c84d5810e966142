import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockDirectory, systemClock, type Log } from '@millrace/runtime';
import { openLog } from '@millrace/receiver';
import { openLmdbStateStore, type LmdbStateStore } from '@millrace/state/lmdb';
import type { StoredMark } from '@millrace/store';
import { createPostgresStore, migratePostgres, type PostgresStore } from '@millrace/store/postgres';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import { openSegmentStream } from '@millrace/stream/segment';
import { acceptNewLog, type AcceptedLog } from '@millrace/transformer';
import {
  makeDataDirectory,
  usualDataDirectory,
  type DataDirectory,
} from '../running/data-directory.ts';
import { firstBarrier } from '../first-barrier.ts';
import { chooseRules, recordRules } from '../rules-in-force.ts';
import type { SingleSettings } from '../settings.ts';
import { startStoreServer } from '../store-server.ts';

/** What is known of one partition, and what going on with its present log takes. */
export interface AcceptedPartition {
  partition: number;
  /** The log that is there; undefined: its beginning is forgotten, so it is not a new one. */
  logId: string | undefined;
  /** The number it has or gets. */
  logNumber: number | undefined;
  /** Its records were folded under another number before; they are folded again. */
  isFoldedAgain: boolean;
  /** Of the state, when that belongs to another log. */
  state: { logId: string; position: number } | undefined;
  /** Of each source of the store that belongs to another log. */
  marks: { source: string; logId: string; logNumber: number; offset: number }[];
}

/**
 * `millrace setup --accept-new-log`: lets state and store go on with the log that is there, where
 * they belong to another one. What they hold stays; the other log's records that were not folded
 * or stored yet are given up. With `isPlan` nothing is changed beyond what any start does.
 *
 * @throws MillraceError DATA_DIR_IN_USE while a process runs.
 */
export async function acceptLogs(
  settings: SingleSettings,
  params: Readonly<{ log: Log; isPlan: boolean }>,
): Promise<AcceptedPartition[]> {
  const { log } = params;
  const clock = systemClock;
  const directory = usualDataDirectory(settings.dataDir);
  await makeDataDirectory(directory);
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const lock = await lockDirectory(directory.path);
    closing.unshift(() => lock.release());
    const rules = await chooseRules(directory, undefined);
    if (rules.isFirstStart) await recordRules(directory, rules);
    const server = await startStoreServer({ log, clock }, directory, settings.store);
    closing.unshift(() => server.stop());
    const stream = await openSegmentStream({
      directory: directory.log,
      partitions: settings.partitions,
      owns: [TOPIC_EVENTS, TOPIC_SERIES],
      clock,
      log,
      settings: settings.log,
    });
    closing.unshift(() => stream.close());
    const state = openLmdbStateStore({ directory: directory.state });
    closing.unshift(() => state.close());
    const { connection } = server;
    await migratePostgres({ connection, log });
    const store = createPostgresStore({ connection, log, clock });
    closing.unshift(() => store.close());
    const logIds = await openLog({ stream, barrier: firstBarrier(rules) });
    const accepted = await acceptEach({ stream, state, store, logIds, isPlan: params.isPlan });
    await stream.close();
    for (const { partition, isFoldedAgain } of accepted) {
      // Nothing of it is stored, since the store had not accepted this log.
      if (isFoldedAgain) await removeSeries(directory, partition);
    }
    return accepted;
  } finally {
    for (const close of closing) await close();
  }
}

/** What was put out under a log number that belongs to another log. */
async function removeSeries(directory: DataDirectory, partition: number): Promise<void> {
  await rm(join(directory.log, TOPIC_SERIES, String(partition)), { recursive: true, force: true });
}

async function acceptEach(
  parts: Readonly<{
    stream: Stream;
    state: LmdbStateStore;
    store: PostgresStore;
    logIds: readonly (string | undefined)[];
    isPlan: boolean;
  }>,
): Promise<AcceptedPartition[]> {
  const { stream, state, store, logIds, isPlan } = parts;
  const accepted: AcceptedPartition[] = [];
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    const logId = logIds[partition];
    const found = await lookAt({ state, store, partition, logId });
    if (!isPlan) Object.assign(found, await accept(state, store, found));
    accepted.push(found);
  }
  return accepted;
}

async function lookAt(
  parts: Readonly<{
    state: LmdbStateStore;
    store: PostgresStore;
    partition: number;
    logId: string | undefined;
  }>,
): Promise<AcceptedPartition> {
  const { state, store, partition, logId } = parts;
  const committed = await state.readPosition(partition);
  const marks = [...(await store.marks(partition))];
  const isOther = (other: { logId: string }): boolean =>
    logId !== undefined && other.logId !== logId;
  return {
    partition,
    logId,
    logNumber: undefined,
    isFoldedAgain: false,
    state: committed !== undefined && isOther(committed) ? committed : undefined,
    marks: marks
      .filter(([, mark]) => isOther(mark))
      .map(([source, mark]) => ({ source, ...describeMark(mark) })),
  };
}

function describeMark({ logId, logNumber, mark }: StoredMark): {
  logId: string;
  logNumber: number;
  offset: number;
} {
  return { logId, logNumber, offset: mark.offset };
}

/** State first: until the store follows, the writer only refuses, and this can be done again. */
async function accept(
  state: LmdbStateStore,
  store: PostgresStore,
  found: AcceptedPartition,
): Promise<AcceptedLog | undefined> {
  const { partition, logId, marks } = found;
  if (logId === undefined || (found.state === undefined && marks.length === 0)) return undefined;
  const afterLogNumber = Math.max(0, ...marks.map(({ logNumber }) => logNumber));
  const { logNumber, isFoldedAgain } = await acceptNewLog(state, partition, logId, afterLogNumber);
  for (const { source } of marks) {
    await store.acceptLog({ logId, logNumber, partition, source });
  }
  return { logNumber, isFoldedAgain };
}
