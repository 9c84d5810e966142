import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { PostgresConnection } from '../../postgres-connection.ts';
import {
  StoredExpiry,
  type ExpiredNote,
  type ExpiringTable,
} from '../../retention/stored-expiry.ts';
import {
  EVERYTHING,
  type ReadScope,
  type SampleRowColumns,
  type StoredTotals,
} from '../../reader-rows.ts';
import { type StoreReader, type StoreSnapshot } from '../../store-reader.ts';
import { clientConfig } from '../connection/client-config.ts';
import { CopyOutRows } from '../connection/copy-out-rows.ts';
import { copyOutText } from '../connection/copy-out-text.ts';
import { PackedColumns } from '../samples/packed-columns.ts';
import { translateError } from '../connection/postgres-errors.ts';
import { histogramColumns, sampleColumns } from '../samples/sample-columns.ts';
import { sessionOf } from '../connection/session.ts';
import { readEditions } from '../editions/read-editions.ts';
import { nameParameters } from '../completion/complete-rows.ts';
import { int8Array } from '../connection/array-parameters.ts';
import { readMarkedWindows, scopeParameters } from '../completion/read-marked-windows.ts';
import { numberOf, positionOf, type PositionRow } from '../batch/stored-position.ts';
import {
  readCompleted,
  readDeadLetter,
  readDefinition,
  readExemplar,
  readMetadata,
  readPiece,
  readUnverified,
} from './stored-rows.ts';

export interface PostgresStoreReaderSettings {
  connectTimeoutMs: number;
  /** Of one statement, and of the pauses between two: what takes longer is given up. */
  statementTimeoutMs: number;
}

export const POSTGRES_STORE_READER_DEFAULTS: PostgresStoreReaderSettings = {
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 6 * 3_600_000,
};

const WHAT = 'The store could not be read';
/** Bytes of rows that wait to be taken. */
const AHEAD_BYTES = 4 * 1024 * 1024;

/** Reads any PostgreSQL that has our schema, whichever its layout. */
export function createPostgresStoreReader(
  params: Readonly<{
    connection: PostgresConnection;
    settings?: Partial<PostgresStoreReaderSettings>;
  }>,
): StoreReader {
  const settings = { ...POSTGRES_STORE_READER_DEFAULTS, ...params.settings };
  const open = new Set<pg.Client>();
  return {
    snapshot: async () => {
      const limits = { ...settings, lockTimeoutMs: settings.statementTimeoutMs };
      const client = new pg.Client({
        ...clientConfig(params.connection, limits),
        // The driver would keep the timer of a COPY, and with it the process, when it is over.
        query_timeout: 0,
      });
      // A break shows in the statement under way; without a listener it would end the process.
      client.on('error', () => undefined);
      const end = async (): Promise<void> => {
        open.delete(client);
        await client.end();
      };
      try {
        await client.connect();
        open.add(client);
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        // Ranges that are dropped meanwhile would be gone for us, too.
        await sessionOf(client).run('lock-for-reading');
        // The first statement takes the snapshot.
        await client.query('SELECT 1');
      } catch (error) {
        await end();
        throw translateError(error, WHAT);
      }
      return snapshotOf(client, end);
    },
    close: async () => {
      await Promise.all([...open].map((client) => client.end()));
    },
  };
}

function snapshotOf(client: pg.Client, close: () => Promise<void>): StoreSnapshot {
  const session = sessionOf(client);
  const rowsOf = async <Row>(name: string): Promise<Row[]> =>
    (await translated(() => session.run<Row>(name))).rows;
  const list = <T>(name: string, scope: ReadScope, read: (rows: CopyOutRows) => T) =>
    batches(client, { name, scope }, (rows): T[] => {
      const some: T[] = [];
      while (rows.next()) some.push(read(rows));
      return some;
    });
  return {
    positions: async () => (await rowsOf<PositionRow>('read-positions')).map(positionOf),
    totals: async () => (await rowsOf<TotalsRow>('read-totals')).map(totalsOf),
    expired: async () => {
      const notes = await rowsOf<ExpiredRow>('read-expired');
      const apart = await rowsOf<{ tenant: string }>('read-retention-tenants');
      return new StoredExpiry(
        notes.map(noteOf),
        apart.map(({ tenant }) => tenant),
      );
    },
    samples: (scope) => allSamples(client, scope),
    histograms: (scope) =>
      batches(client, { name: 'copy-out-histograms', scope }, histogramColumns),
    pieces: (scope) => list('copy-out-pieces', scope, readPiece),
    definitions: (scope) => list('copy-out-definitions', scope, readDefinition),
    unverified: (scope) => list('copy-out-unverified', scope, readUnverified),
    deadLetters: () => list('copy-out-dead-letters', EVERYTHING, readDeadLetter),
    exemplars: (scope) => list('copy-out-exemplars', scope, readExemplar),
    metadata: () => list('copy-out-metadata', EVERYTHING, readMetadata),
    editions: () => readEditions(rowsOf),
    completed: (scope) => list('copy-out-completed', scope, readCompleted),
    look: (names) =>
      translated(() => readMarkedWindows(session, 'look-at-windows', nameParameters(names))),
    marked: (scope) =>
      translated(() => readMarkedWindows(session, 'marked-windows', scopeParameters(scope))),
    changedBefore: async (rows) => {
      const runs = int8Array(rows.length, (i) => rows[i]!.run);
      const parameters = [...nameParameters(rows), runs];
      const found = await translated(() =>
        session.run<{ place: number }>('changed-before', parameters),
      );
      return new Set(found.rows.map(({ place }) => place));
    },
    close,
  };
}

async function translated<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw translateError(error, WHAT);
  }
}

/** Those that are packed, and all others. */
async function* allSamples(client: pg.Client, scope: ReadScope): AsyncGenerator<SampleRowColumns> {
  const packed = new PackedColumns(scope);
  yield* batches(client, { name: 'copy-out-packs', scope }, (rows) => packed.take(rows));
  yield* batches(client, { name: 'copy-out-samples', scope }, sampleColumns);
}

/** What `take` makes of the rows that have come, again and again. */
async function* batches<T>(
  client: pg.Client,
  wanted: Readonly<{ name: string; scope: ReadScope }>,
  take: (rows: CopyOutRows) => T,
): AsyncGenerator<T> {
  const text = copyOutText(wanted.name, wanted.scope);
  const stream = client.query(copyTo(text, { highWaterMark: AHEAD_BYTES }));
  const rows = new CopyOutRows();
  try {
    for await (const chunk of stream) {
      rows.feed(chunk as Buffer);
      yield take(rows);
    }
  } catch (error) {
    throw translateError(error, WHAT);
  }
}

interface ExpiredRow {
  table_name: ExpiringTable;
  width_us: string | null;
  edition: string | null;
  tenant: string | null;
  others: boolean;
  before_us: string;
}

function noteOf(row: ExpiredRow): ExpiredNote {
  return {
    table: row.table_name,
    widthUs: numberOf(row.width_us),
    edition: numberOf(row.edition),
    tenant: row.tenant ?? undefined,
    isOfOthers: row.others,
    beforeUs: Number(row.before_us),
  };
}

type TotalsRow = Readonly<
  Record<'log_id' | 'source' | 'tenant', string> & { partition: number } & Record<
      | 'accepted'
      | 'stored'
      | 'duplicate'
      | 'conflict'
      | 'dropped'
      | 'unverified'
      | 'dead_letter'
      | 'lost'
      | 'unverified_to_stored'
      | 'unverified_to_duplicate'
      | 'unverified_to_dead_letter'
      | 'stored_to_dead_letter'
      | 'dead_letter_to_duplicate'
      | 'dead_letter_to_dropped',
      string
    >
>;

function totalsOf(row: TotalsRow): StoredTotals {
  return {
    logId: row.log_id,
    partition: row.partition,
    source: row.source,
    tenant: row.tenant,
    accepted: Number(row.accepted),
    stored: Number(row.stored),
    duplicate: Number(row.duplicate),
    conflict: Number(row.conflict),
    dropped: Number(row.dropped),
    unverified: Number(row.unverified),
    deadLetter: Number(row.dead_letter),
    lost: Number(row.lost),
    unverifiedToStored: Number(row.unverified_to_stored),
    unverifiedToDuplicate: Number(row.unverified_to_duplicate),
    unverifiedToDeadLetter: Number(row.unverified_to_dead_letter),
    storedToDeadLetter: Number(row.stored_to_dead_letter),
    deadLetterToDuplicate: Number(row.dead_letter_to_duplicate),
    deadLetterToDropped: Number(row.dead_letter_to_dropped),
  };
}
