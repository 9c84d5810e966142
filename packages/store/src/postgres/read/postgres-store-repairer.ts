import {
  labelValue,
  METRIC_NAME_LABEL,
  SAMPLE_KIND_NAMES,
  type Piece,
  type TimeUs,
} from '@millrace/model';
import { errorText, systemClock, type Clock, type Log } from '@millrace/runtime';
import { PieceColumns } from '@millrace/wire';
import type { PostgresConnection } from '../../postgres-connection.ts';
import type { StoredDefinition, StoredPiece } from '../../reader-rows.ts';
import type {
  DefinitionRepair,
  HistogramRepair,
  PieceRepair,
  RepairOptions,
  RepairResult,
  Repairs,
  SampleRepair,
  SampleValue,
  StoreRepairer,
} from '../../store-repairer.ts';
import {
  floatParameter,
  intervalParameter,
  timeParameter,
} from '../connection/array-parameters.ts';
import { bigTableOf } from '../layout/big-tables.ts';
import { labelsJson } from '../series/definition-copy.ts';
import { nativeLayout } from '../layout/native-layout.ts';
import { isRowFault } from '../connection/postgres-errors.ts';
import { createPostgresPool, type PostgresPool } from '../connection/postgres-pool.ts';
import { POSTGRES_STORE_DEFAULTS } from '../postgres-store.ts';
import { headVersion } from '../samples/sample-heads.ts';
import { transaction, type Session } from '../connection/session.ts';
import {
  openLayout,
  type LayoutKind,
  type PartitionedTable,
  type StorageLayout,
} from '../layout/storage-layout.ts';
import { createStoredRanges, type StoredRanges } from '../layout/stored-ranges.ts';
import { finalRowSet, openRowSet } from '../windows/window-rows.ts';

const WHAT = 'Rows could not be repaired';
/** Writers stand still for one transaction: some tens of milliseconds. */
const ROWS_MAX = 200;
/** Samples of one packed row are at most so far apart. */
const PACK_US = 600_000_000;

interface RepairerParams {
  connection: PostgresConnection;
  log: Log;
  clock?: Clock;
}

/** For any PostgreSQL whose schema `migratePostgres` has made. */
export function createPostgresStoreRepairer(params: Readonly<RepairerParams>): StoreRepairer {
  return createRepairerOn({ ...params, layouts: [nativeLayout] });
}

/** For a PostgreSQL that is laid out in one of these ways. */
export function createRepairerOn(
  params: Readonly<RepairerParams & { layouts: readonly LayoutKind[] }>,
): StoreRepairer {
  const { connection, log, clock = systemClock, layouts: kinds } = params;
  const settings = { ...POSTGRES_STORE_DEFAULTS, connectionsMax: 1 };
  const pool = createPostgresPool({ connection, log, settings });
  const ranges = createStoredRanges({ pool, clock });
  return {
    repair: async (repairs, how = {}) => {
      const layout = await pool.use(WHAT, (session) => openLayout(session, { kinds, log }));
      await ensureRanges(ranges, layout, repairs);
      return await repairAll(pool, layout, { repairs, how });
    },
    close: () => pool.close(),
  };
}

type OneRepair = (session: Session) => Promise<boolean>;

async function repairAll(
  pool: PostgresPool,
  layout: StorageLayout,
  { repairs, how }: Readonly<{ repairs: Repairs; how: RepairOptions }>,
): Promise<RepairResult> {
  const { rows } = await pool.use(WHAT, (session) => session.run<{ oid: number }>('inputs-type'));
  const pieces = { inputsOid: rows[0]!.oid, layout };
  const all: OneRepair[] = [
    ...repairs.definitions.map((one) => (session: Session) => repairDefinition(session, one)),
    ...repairs.samples.map((one) => (session: Session) => repairSample(session, one)),
    ...repairs.histograms.map((one) => (session: Session) => repairHistogram(session, one)),
    ...repairs.pieces.map((one) => (session: Session) => repairPiece(session, one, pieces)),
  ];
  const result: RepairResult = { repaired: 0, passedOver: 0, refused: 0, refusal: undefined };
  for (let from = 0; from < all.length; from += ROWS_MAX) {
    how.signal?.throwIfAborted();
    const some = all.slice(from, from + ROWS_MAX);
    const done = await pool.use(WHAT, (session) => transaction(session, () => run(session, some)));
    result.repaired += done.repaired;
    result.passedOver += done.passedOver;
    result.refused += done.refused;
    result.refusal ??= done.refusal;
    how.onProgress?.(from + some.length);
  }
  return result;
}

async function run(session: Session, repairs: readonly OneRepair[]): Promise<RepairResult> {
  // What is told as repaired must survive a crash: no log applies it again.
  await session.command('SET LOCAL synchronous_commit = on');
  await session.run('lock-positions');
  const result: RepairResult = { repaired: 0, passedOver: 0, refused: 0, refusal: undefined };
  for (const repair of repairs) {
    await session.command('SAVEPOINT one');
    try {
      if (await repair(session)) result.repaired += 1;
      else result.passedOver += 1;
    } catch (error) {
      // One that the database refuses for ever must not keep all others from being repaired.
      if (!isRowFault(error)) throw error;
      await session.command('ROLLBACK TO SAVEPOINT one');
      result.refused += 1;
      result.refusal ??= errorText(error);
    }
    await session.command('RELEASE SAVEPOINT one');
  }
  return result;
}

async function repairSample(session: Session, repair: SampleRepair): Promise<boolean> {
  const { seriesId, timeUs, remove, insert, present } = repair;
  if (remove !== undefined && !(await removeSample(session, seriesId, timeUs, remove))) {
    return false;
  }
  if (insert === undefined) return true;
  const parameters = sampleParameters(seriesId, timeUs, insert);
  if (remove === undefined) {
    // Somebody else repairs the same.
    const { rows } = await session.run<{ count: number }>('count-sample', parameters.slice(0, 3));
    if (rows[0]!.count !== present) return false;
  }
  await session.run('insert-narrow-sample', parameters);
  return true;
}

/** Wherever it lies. */
async function removeSample(
  session: Session,
  seriesId: Uint8Array,
  timeUs: TimeUs,
  value: SampleValue,
): Promise<boolean> {
  const parameters = sampleParameters(seriesId, timeUs, value);
  if ((await session.run('unpack-sample', parameters)).count > 0) return true;
  if ((await session.run('remove-narrow-sample', parameters)).count > 0) return true;
  const found = await session.run<{ partition: number }>('find-head-sample', parameters);
  const partition = found.rows[0]?.partition;
  if (partition === undefined) return false;
  // First of all: who remembers these rows would write them again otherwise.
  await session.run('renew-head', [partition, headVersion()]);
  const { count } = await session.run('remove-head-sample', [...parameters, partition]);
  return count > 0;
}

function sampleParameters(
  seriesId: Uint8Array,
  timeUs: TimeUs,
  { value, isUnverified }: SampleValue,
): unknown[] {
  return [idOf(seriesId), timeParameter(timeUs), floatParameter(value), isUnverified];
}

async function repairHistogram(session: Session, repair: HistogramRepair): Promise<boolean> {
  const { seriesId, timeUs, remove, insert, present } = repair;
  const key = [idOf(seriesId), timeParameter(timeUs)];
  if (remove && (await session.run('remove-histogram', key)).count === 0) return false;
  if (!remove) {
    const { rows } = await session.run<{ count: number }>('count-histogram', key);
    if (rows[0]!.count !== present) return false;
  }
  if (insert !== undefined) {
    const { histogram, isUnverified } = insert;
    const bytes = histogram === undefined ? null : Buffer.from(histogram);
    await session.run('insert-histogram', [...key, bytes, isUnverified]);
  }
  return true;
}

async function repairPiece(
  session: Session,
  { partition, remove, insert }: PieceRepair,
  { inputsOid, layout }: Readonly<{ inputsOid: number; layout: StorageLayout }>,
): Promise<boolean> {
  if (remove !== undefined) {
    const { count: samples, marked, sum, lastTimeUs } = remove;
    const { count } = await session.run(removePieceStatement(layout, remove), [
      ...pieceKey(remove, remove.seriesId, partition),
      ...[samples, marked, floatParameter(sum), timeParameter(lastTimeUs)],
    ]);
    if (count === 0) return false;
  }
  if (insert === undefined) return true;
  const key = pieceKey(insert, insert.fingerprint, partition);
  const { rows: there } = await session.run<{ final: boolean }>('is-piece-there', key);
  // A final one takes the place of what is open of it.
  if (there.some(({ final }) => final || !insert.isFinal)) return false;
  const context = { partition, inputsOid, copyWriter: undefined };
  const piece = PieceColumns.of([insert]);
  const set = insert.isFinal ? finalRowSet(piece, context) : openRowSet(piece, context);
  await set.insert(session, 0, 1);
  return true;
}

/** Rows are told apart by where they lie, and a view of several tables cannot say that. */
function removePieceStatement(
  { copiesWindows: isTable }: StorageLayout,
  { isFinal, widthUs }: StoredPiece,
): string {
  if (!isFinal) return 'remove-open-piece';
  if (isTable) return 'remove-final-piece';
  return bigTableOf('windows', widthUs) === 'windows_narrow'
    ? 'remove-final-piece-narrow'
    : 'remove-final-piece-wide';
}

function pieceKey(
  { edition, widthUs, startUs, piece }: Omit<Piece, 'fingerprint'> | StoredPiece,
  series: Uint8Array,
  partition: number,
): unknown[] {
  return [
    ...[edition, idOf(series), intervalParameter(widthUs), timeParameter(startUs)],
    ...[partition, piece],
  ];
}

async function repairDefinition(
  session: Session,
  { remove, insert }: DefinitionRepair,
): Promise<boolean> {
  if (remove !== undefined) {
    const { fingerprint, firstSeenUs, lastSeenUs } = remove;
    const seen = [timeParameter(firstSeenUs), timeParameter(lastSeenUs)];
    const { count } = await session.run('remove-definition', [idOf(fingerprint), ...seen]);
    if (count === 0) return false;
  }
  if (insert === undefined) return true;
  const { count } = await session.run('insert-definition', definitionParameters(insert));
  return count > 0;
}

function definitionParameters(definition: StoredDefinition): unknown[] {
  const { fingerprint, tenant, labels, kind, firstSeenUs, lastSeenUs } = definition;
  return [
    ...[idOf(fingerprint), Buffer.from(fingerprint.subarray(8, 16)), tenant],
    ...[labelValue(labels, METRIC_NAME_LABEL) ?? '', labelsJson(labels)],
    SAMPLE_KIND_NAMES[kind] ?? 'unknown',
    ...[timeParameter(firstSeenUs), timeParameter(lastSeenUs)],
  ];
}

/** An int8 in its binary format. */
function idOf(seriesId: Uint8Array): Buffer {
  return Buffer.from(seriesId.subarray(0, 8));
}

/** Makes what rows need that are to come, or that are taken out of a packed one. */
async function ensureRanges(
  ranges: StoredRanges,
  layout: StorageLayout,
  { samples, histograms, pieces }: Repairs,
): Promise<void> {
  const ensure = async (
    table: PartitionedTable,
    times: readonly TimeUs[],
    widthUs?: TimeUs,
  ): Promise<void> => {
    const at = { length: times.length, at: (i: number) => times[i]! };
    const rows = { table, times: at };
    await ranges.ensure(layout, widthUs === undefined ? rows : { ...rows, widthUs });
  };
  const around = samples.flatMap(({ timeUs }) => [timeUs - PACK_US, timeUs, timeUs + PACK_US]);
  await ensure('samples_narrow', around);
  await ensure(
    'histograms',
    histograms.filter(({ insert }) => insert !== undefined).map(({ timeUs }) => timeUs),
  );
  const finals = pieces.flatMap(({ insert }) => (insert?.isFinal === true ? [insert] : []));
  for (const widthUs of new Set(finals.map((piece) => piece.widthUs))) {
    const some = finals.filter((piece) => piece.widthUs === widthUs);
    await ensure(
      'windows',
      some.map(({ startUs }) => startUs),
      widthUs,
    );
  }
}
