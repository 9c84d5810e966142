import { LIVE_SOURCE } from '@millrace/wire';
import { foldedOf } from '../batch/stored-position.ts';
import { otherLog } from '../../other-log.ts';
import type { MarkKey, StoredMark } from '../../store.ts';
import { StoreError, StoreErrorCode } from '../../store-error.ts';
import { transaction, type Session } from '../connection/session.ts';

/** First of the pair of numbers that opening marks of one partition locks by. */
const MARKS_LOCK = 471_158;

interface MarkRow {
  source: string;
  partition: number;
  log_id: string;
  log_number: string;
  mark_offset: string;
  mark_ordinal: string;
  is_closed?: boolean;
  position: string | null;
  partition_time_us: number | null;
  folded_offset: string | null;
  folded_digest: string | null;
}

export async function readMarks(
  session: Session,
  partition: number,
): Promise<Map<string, StoredMark>> {
  const { rows } = await session.run<MarkRow>('read-marks', [partition]);
  return new Map(rows.map((row) => [row.source, markOf(row)]));
}

/** See `Store.openMark`. */
export function openMark(session: Session, key: MarkKey): Promise<void> {
  return transaction(session, async () => {
    await session.run('lock-marks', [MARKS_LOCK, key.partition]);
    const known = (await readMarks(session, key.partition)).get(key.source);
    if (known?.logId === key.logId) return;
    if (known !== undefined) {
      const live = (await readMarks(session, key.partition)).get(LIVE_SOURCE);
      // Of jobs nobody accepts anything: they follow what was accepted for the partition.
      if (key.source === LIVE_SOURCE || live?.logId !== key.logId) throw otherLog(key, known);
      await session.run('close-marks', [key.partition, key.source, key.logId]);
    }
    await insertMark(session, key);
  });
}

/**
 * Lets a partition and source go on with another log, from its beginning: the mark of the log
 * before it is closed for ever. Nothing stored is touched.
 */
export function acceptLog(session: Session, key: MarkKey): Promise<void> {
  return transaction(session, async () => {
    await session.run('lock-marks', [MARKS_LOCK, key.partition]);
    const known = (await readMarks(session, key.partition)).get(key.source);
    if (known?.logId === key.logId) return;
    if (known !== undefined && key.logNumber <= known.logNumber) throw staleNumber(key, known);
    await session.run('close-marks', [key.partition, key.source, key.logId]);
    await insertMark(session, key);
  });
}

async function insertMark(session: Session, key: MarkKey): Promise<void> {
  await session.run('open-mark', [key.logId, key.logNumber, key.partition, key.source]);
}

/** The newest live mark of every partition, durable when this resolves. */
export async function flushMarks(session: Session): Promise<Map<number, StoredMark>> {
  const { rows } = await session.run<MarkRow>('read-live-marks');
  // What is visible was committed, so its records lie before this commit's, which is flushed.
  await transaction(session, async () => {
    await session.command('SET LOCAL synchronous_commit = on');
    await session.run('flush');
  });
  return new Map(rows.map((row) => [row.partition, markOf(row)]));
}

function markOf(row: MarkRow): StoredMark {
  const counted = countedOf(row);
  const folded = foldedOf(row);
  return {
    logId: row.log_id,
    logNumber: Number(row.log_number),
    mark: { offset: Number(row.mark_offset), ordinal: Number(row.mark_ordinal) },
    ...(row.is_closed === true ? { isClosed: true } : {}),
    ...(folded === undefined ? {} : { folded }),
    ...(counted === undefined ? {} : { counted }),
  };
}

function countedOf({ position, partition_time_us: timeUs }: MarkRow): StoredMark['counted'] {
  if (position === null || timeUs === null) return undefined;
  return { position: Number(position), partitionTimeUs: timeUs };
}

function staleNumber(key: MarkKey, known: StoredMark): StoreError {
  return new StoreError({
    code: StoreErrorCode.otherLog,
    kind: 'permanent',
    message:
      `Log ${key.logId} cannot follow log ${known.logId} in partition ${key.partition} ` +
      `(${key.source}): its number ${key.logNumber} is not above ${known.logNumber}, and windows ` +
      'of both would be taken for one another. Nothing was changed.',
    remedy: `Accept it under a number above ${known.logNumber}.`,
  });
}
