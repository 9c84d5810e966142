import { diskRoom, errorKind, MillraceError } from '@millrace/runtime';
import { directoryBytes, usualDataDirectory, type RunFile } from '@millrace/single/running';
import { isShared } from '../checkpoints/checkpoint-place.ts';
import { dataDirOf } from '../cli-context.ts';
import { findRunning } from '../running-single.ts';
import { formatBytes } from '../quantities.ts';
import { checkRoom, needsText, type RoomNeed } from './check-room.ts';
import type { PastSize } from './past-size.ts';
import { reckonPast, type Past } from './reckon-past.ts';

/** What is told before the past is folded under other rules. */
export interface RoomCheck extends Past {
  /** Of the receiver that is asked to begin. */
  url: string;
}

/**
 * Reckons how much room the past under these rules takes up, says so, and refuses what would fill
 * a disk that can be seen from here.
 *
 * @throws MillraceError REPROCESS_NO_ROOM; what log and file system throw.
 */
export async function ensureRoom(check: RoomCheck): Promise<void> {
  const { context } = check;
  const { output } = context;
  const place = await placeOf(check);
  if (place === undefined) {
    output.notice('How much room that takes up cannot be seen from here: its log is elsewhere.');
    return;
  }
  const size = await (place === 'cluster' ? ifReached(reckonPast(check)) : reckonPast(check));
  if (size === undefined) {
    output.notice(
      'How much room that takes up cannot be foreseen: too little of the log was seen.',
    );
    return;
  }
  if (place === 'cluster') {
    const needs = [
      { what: 'in the database', bytes: size.store },
      { what: 'in metrics.series, on each replica', bytes: size.log },
    ];
    output.notice(`It takes up about ${needsText(needs)}. How much room there is cannot be seen`);
    output.notice('from here: look at the disks of the database and of the brokers.');
    return;
  }
  const directory = usualDataDirectory(place.directory);
  const { store } = place;
  const isOurs = store.kind === 'embedded';
  const needs: RoomNeed[] = [
    ...(isOurs ? [{ what: 'in the store', path: directory.postgres, bytes: size.store }] : []),
    { what: 'in metrics.series', path: directory.log, bytes: size.log },
    // Each job begins with what is remembered of its partition, and keeps that until it is over.
    { what: 'of states', path: directory.jobs, bytes: await directoryBytes(directory.state) },
  ];
  await checkRoom(needs, diskRoom);
  const { freeBytes } = await diskRoom(directory.log);
  output.notice(`It takes up about ${needsText(needs)}. ${formatBytes(freeBytes)} are free here.`);
  if (isOurs) return;
  const inStore = formatBytes(Math.round(size.store));
  output.notice(`In your own PostgreSQL it takes up about ${inStore}; its disk is not seen here.`);
}

/** Whose log it is: of a cluster, of this process, or (undefined) of one that is elsewhere. */
async function placeOf({
  context,
  dataDir,
  url,
}: RoomCheck): Promise<'cluster' | RunFile | undefined> {
  if (isShared(context, dataDir)) return 'cluster';
  try {
    const run = await findRunning(dataDirOf(context, dataDir));
    return new URL(url).port === String(run.port) ? run : undefined;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

/** Whoever asks a receiver need not reach the brokers. */
async function ifReached(sizing: Promise<PastSize | undefined>): Promise<PastSize | undefined> {
  try {
    return await sizing;
  } catch (error) {
    if (errorKind(error) === 'transient') return undefined;
    throw error;
  }
}
