import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, Connection } from 'pg';
import type { CopyStreamQuery } from 'pg-copy-streams';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sessionOf } from './session.ts';

/** What the driver calls of it when the database answers. */
interface Answered extends CopyStreamQuery {
  handleCopyInResponse(connection: Connection): void;
  handleReadyForQuery(): void;
  handleError(error: Error): void;
}

const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);

let directory: string;
let socket: Socket;
let database: Socket;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-session-'));
  const server = createServer((one) => (database = one.pause()));
  await once(server.listen(join(directory, 'socket')), 'listening');
  socket = connect(join(directory, 'socket'));
  await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
  server.close();
});
afterEach(async () => {
  socket.destroy();
  await rm(directory, { recursive: true });
});

/** A client whose statement of COPY is told to begin at once. */
function clientOf(onQuery: (stream: Answered) => void): Pick<Client, 'query' | 'connection'> {
  const connection = { stream: socket, query: () => undefined } as unknown as Connection;
  const query = (stream: Answered): Answered => {
    stream.submit(connection);
    stream.handleCopyInResponse(connection);
    onQuery(stream);
    return stream;
  };
  return { query, connection } as unknown as Pick<Client, 'query' | 'connection'>;
}

/** Slices in the same memory, each full of its own number. */
function* slices(sizes: readonly number[]): Generator<Buffer, void> {
  const memory = Buffer.alloc(Math.max(...sizes));
  for (const [i, bytes] of sizes.entries()) yield memory.subarray(0, bytes).fill(i % 251);
}

it.each(['small', 'mixed'])('%s slices come as they were, also when they wait', async (kind) => {
  const mark = socket.writableHighWaterMark;
  const some = kind === 'small' ? [1000] : [700, mark - 6, mark - 5, mark, 2 * mark];
  // More than a socket of the system takes while nobody reads.
  const sizes = Array.from(
    { length: kind === 'small' ? 2000 : 60 },
    (_, i) => some[i % some.length]!,
  );
  let came = Buffer.alloc(0);
  const client = clientOf((stream) => {
    database.on('data', (part) => {
      came = Buffer.concat([came, part]);
      if (came.subarray(-COPY_DONE.length).equals(COPY_DONE)) stream.handleReadyForQuery();
    });
  });
  const copying = sessionOf(client).copy('copy-samples-packed', slices(sizes));
  database.pause();
  const waits = (): void => expect(socket.writableLength).toBeGreaterThan(0);
  await vi.waitFor(waits, { timeout: 5000 });
  database.resume();
  await copying;
  let at = 0;
  for (const slice of slices(sizes)) {
    at += 5;
    expect(came.subarray(at, at + slice.length).equals(slice)).toBe(true);
    at += slice.length;
  }
});

it('tells what the database refused, and not what came of it', async () => {
  const refused = new Error('refused');
  const client = clientOf((stream) => stream.once('error', () => undefined));
  let answered!: Answered;
  const query = client.query as unknown as (stream: Answered) => Answered;
  const kept = (stream: Answered): Answered => (answered = query(stream));
  function* failing(): Generator<Buffer, void> {
    yield Buffer.alloc(10);
    answered.handleError(refused);
    throw new Error('cannot go on');
  }
  const session = sessionOf({ ...client, query: kept as unknown as Client['query'] });
  await expect(session.copy('copy-samples-packed', failing())).rejects.toBe(refused);
  expect(answered.destroyed).toBe(false);
});
