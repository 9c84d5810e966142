import type { Writable } from 'node:stream';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { statementText } from './statement-text.ts';

export interface StatementResult<Row> {
  rows: Row[];
  count: number;
}

/** One connection, for as long as one transaction takes. */
export interface Session {
  /** Runs `sql/statements/NAME.sql`; prepared once per connection. */
  run<Row>(name: string, parameters?: readonly unknown[]): Promise<StatementResult<Row>>;
  /**
   * The same, planned each time: a plan from when a table was empty reads all of it for each row,
   * once it holds a million.
   */
  runPlannedAnew<Row>(name: string, parameters?: readonly unknown[]): Promise<StatementResult<Row>>;
  /** BEGIN, COMMIT, SAVEPOINT and the like. */
  command(sql: string): Promise<void>;
  /**
   * Feeds a COPY statement with bytes in its binary format. Each slice is asked for when the one
   * before is on its way: the database stores while further ones are encoded, and all of them may
   * lie in the same memory.
   */
  copy(name: string, bytes: Buffer | Iterable<Buffer>): Promise<void>;
}

export function sessionOf(client: Pick<Client, 'query' | 'connection'>): Session {
  return {
    run: async <Row>(name: string, parameters: readonly unknown[] = []) => {
      const result = await client.query({
        name,
        text: statementText(name),
        values: [...parameters],
      });
      return { rows: result.rows as Row[], count: result.rowCount ?? 0 };
    },
    runPlannedAnew: async <Row>(name: string, parameters: readonly unknown[] = []) => {
      // Without a name the server keeps no plan.
      const result = await client.query({ text: statementText(name), values: [...parameters] });
      return { rows: result.rows as Row[], count: result.rowCount ?? 0 };
    },
    command: async (sql) => {
      await client.query(sql);
    },
    copy: (name, bytes) =>
      new Promise((resolve, reject) => {
        const stream = client.query(copyFrom(statementText(name)));
        stream.once('finish', resolve);
        // Not `once`: a connection that breaks after a refusal tells of it here, too.
        let hasFailed = false;
        stream.on('error', (error) => {
          hasFailed = true;
          reject(error);
        });
        if (Buffer.isBuffer(bytes)) stream.end(bytes);
        else {
          const bytesMin = client.connection.stream.writableHighWaterMark;
          write(stream, heldSlices(bytes, bytesMin), () => hasFailed).catch((error: Error) => {
            // A statement that is over has no connection any more to be told of it.
            if (!hasFailed) stream.destroy(error);
          });
        }
      }),
  };
}

/**
 * INVARIANT: a slice is not written over before the socket has given it away. Whoever writes hears
 * of that only where the slice fills the socket up to its mark; of a smaller one it is told at
 * once, while its bytes still wait there: those have memory of their own.
 */
function* heldSlices(slices: Iterable<Buffer>, bytesMin: number): Generator<Buffer, void> {
  for (const slice of slices) yield slice.length < bytesMin ? Buffer.from(slice) : slice;
}

/**
 * INVARIANT: one slice at a time is under way. Those that wait within the stream are written also
 * after the database refused the statement, when there is nothing to write them to.
 */
async function write(
  stream: Writable,
  slices: Iterable<Buffer>,
  isOver: () => boolean,
): Promise<void> {
  for (const slice of slices) {
    await new Promise<void>((resolve) => stream.write(slice, () => resolve()));
    if (isOver()) return;
  }
  stream.end();
}

/** Runs `work` in a transaction; rolls back when it throws, and throws the same. */
export async function transaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.command('BEGIN');
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // The connection may be what broke; its error is not the one worth telling.
    await session.command('ROLLBACK').catch(() => undefined);
    throw error;
  }
  await session.command('COMMIT');
  return result;
}
