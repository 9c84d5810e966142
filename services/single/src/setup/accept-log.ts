import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockDirectory, systemClock, type Log } from '@millrace/runtime';
import { openLmdbStateStore } from '@millrace/state/lmdb';
import { createPostgresStoreReader } from '@millrace/store/postgres';
import { createTimescaleStore, migrateTimescale } from '@millrace/store/timescale';
import { TOPIC_SERIES, TOPICS } from '@millrace/stream';
import { openSegmentStream } from '@millrace/stream/segment';
import {
  makeDataDirectory,
  usualDataDirectory,
  type DataDirectory,
} from '../running/data-directory.ts';
import { beginLog } from '../begin-log.ts';
import type { SingleSettings } from '../settings.ts';
import { startStoreServer } from '../store-server.ts';
import { acceptPartitions, type AcceptedPartition } from './accept-partitions.ts';

/**
 * `millrace setup --accept-new-log`: lets state and store go on with the log that is there, where
 * they belong to another one. What they hold stays; the other log's records that were not folded
 * or stored yet are given up. With `isPlan` nothing is changed beyond what any start does.
 *
 * @throws MillraceError DATA_DIR_IN_USE while a process runs, SETUP_LOG_BEFORE when the store went
 * on from that log to another one.
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
    const server = await startStoreServer({ log, clock }, directory, settings.store);
    closing.unshift(() => server.stop());
    const stream = await openSegmentStream({
      directory: directory.log,
      partitions: settings.partitions,
      owns: TOPICS,
      clock,
      log,
      settings: settings.log,
    });
    closing.unshift(() => stream.close());
    const state = openLmdbStateStore({ directory: directory.state });
    closing.unshift(() => state.close());
    const { connection } = server;
    await migrateTimescale({ connection, log });
    const store = createTimescaleStore({ connection, log, clock });
    closing.unshift(() => store.close());
    const reader = createPostgresStoreReader({ connection });
    closing.unshift(() => reader.close());
    const logIds = await beginLog({ stream, clock, log }, undefined);
    const accepted = await acceptPartitions({
      stream,
      state,
      store,
      reader,
      logIds,
      isPlan: params.isPlan,
    });
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
