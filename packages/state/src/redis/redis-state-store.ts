import { randomUUID } from 'node:crypto';
import { silentLog, type Log } from '@millrace/runtime';
import {
  badPageKey,
  closedState,
  corruptState,
  isCorruptState,
  STATE_CODES,
  StateError,
} from '../state-error.ts';
import {
  isPageKey,
  type CommittedState,
  type StateCommit,
  type StatePosition,
  type StatePositionReader,
  type StateStore,
} from '../state.ts';
import { checkKeyPrefix, readRedisUrl } from './redis-address.ts';
import { openRedisConnection, type RedisConnection } from './redis-connection.ts';
import {
  decodeHeader,
  encodePages,
  LAYOUT,
  stateKey,
  type HeaderReply,
  type RedisHeader,
} from './redis-layout.ts';
import { readPages } from './redis-pages.ts';
import { COMMIT_SCRIPT, DISCARD_SCRIPT, READ_HEADER_SCRIPT, runScript } from './redis-scripts.ts';
import { createServerCheck } from './redis-server-check.ts';
import { REDIS_STATE_DEFAULTS, type RedisStateSettings } from './redis-settings.ts';

export type RedisStateStore = StateStore & StatePositionReader;

/**
 * Committed state in a Redis 7 or newer, one hash per partition under `keyPrefix`. Begins to
 * connect and returns at once: a Redis that is away is waited for by each call, for a bounded
 * time, and connected to again in the background until `close`.
 *
 * A commit is as durable as the server's `appendfsync` makes it. What a server loses by a crash, a
 * flush or an older copy is found out by the next commit or load, and folded again from the log.
 *
 * @throws StateError STATE_BAD_SETTINGS
 */
export function openRedisStateStore(
  params: Readonly<{
    /** `redis[s]://[[user]:password@]host[:port][/database]` */
    url: string;
    /** What tells this log's state from others' in the same database. */
    keyPrefix?: string;
    log?: Log;
    settings?: Partial<RedisStateSettings>;
  }>,
): RedisStateStore {
  return new OpenRedisStateStore(connectToRedis(params));
}

/** What a store, or several of them, are opened on. @throws StateError STATE_BAD_SETTINGS */
export function connectToRedis(
  params: Parameters<typeof openRedisStateStore>[0],
): ConstructorParameters<typeof OpenRedisStateStore>[0] {
  const { url, keyPrefix = 'millrace', log = silentLog } = params;
  const settings = { ...REDIS_STATE_DEFAULTS, ...params.settings };
  const address = readRedisUrl(url);
  checkKeyPrefix(keyPrefix);
  const check = createServerCheck({ where: address.text, log });
  const onReady = (client: Parameters<typeof check>[0]): void => void check(client);
  const connection = openRedisConnection({ address, log, settings, onReady });
  return { connection, place: address.text, keyPrefix, settings };
}

export class OpenRedisStateStore implements RedisStateStore {
  readonly #connection: RedisConnection;
  readonly #place: string;
  readonly #keyPrefix: string;
  readonly #settings: RedisStateSettings;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(
    params: Readonly<{
      connection: RedisConnection;
      place: string;
      keyPrefix: string;
      settings: RedisStateSettings;
    }>,
  ) {
    this.#connection = params.connection;
    this.#place = params.place;
    this.#keyPrefix = params.keyPrefix;
    this.#settings = params.settings;
  }

  load(partition: number): Promise<CommittedState | undefined> {
    return this.#calling(() => this.#load(partition));
  }

  async readPosition(partition: number): Promise<StatePosition | undefined> {
    const header = await this.#calling(() => this.#readHeader(partition));
    return header && { logId: header.logId, position: header.position };
  }

  commit(commit: StateCommit): Promise<'committed' | 'outrun'> {
    return this.#calling(() => this.#commit(commit));
  }

  discardCorrupt(partition: number): Promise<boolean> {
    return this.#calling(() => this.#discardCorrupt(partition));
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(() => this.#connection.close());
    await this.#closing;
  }

  async #load(partition: number): Promise<CommittedState | undefined> {
    const { loadAttemptsMax, answerBytes } = this.#settings;
    const key = stateKey(this.#keyPrefix, partition);
    const where = this.#where(partition);
    for (let attempt = 1; attempt <= loadAttemptsMax; attempt += 1) {
      const header = await this.#readHeader(partition);
      if (header === undefined) return undefined;
      const pages = await readPages({ connection: this.#connection, key, where, answerBytes });
      // Page by page they are of different moments, unless nothing was committed meanwhile.
      if ((await this.#readHeader(partition))?.commit !== header.commit) continue;
      const { logId, position, pageCount, commit: commitId } = header;
      if (pages.size !== pageCount) {
        throw corruptState({
          where,
          detail: `${pages.size} pages are there, ${pageCount} were committed`,
        });
      }
      return { logId, position, commitId, pages };
    }
    throw busyWithCommits(where, loadAttemptsMax);
  }

  async #commit(commit: StateCommit): Promise<'committed' | 'outrun'> {
    for (const key of commit.pages.keys()) if (!isPageKey(key)) throw badPageKey(key);
    const { partition, expected, next } = commit;
    const { puts, removes, bytes } = encodePages(commit.pages);
    if (bytes > this.#settings.commitBytesMax) throw this.#tooBig(partition, bytes);
    const args = [
      LAYOUT,
      expected?.logId ?? '',
      String(expected?.position ?? ''),
      next.logId,
      String(next.position),
      next.commitId ?? randomUUID(),
      expected?.commitId ?? '',
      String(puts.length),
      ...puts,
      ...removes,
    ];
    const key = stateKey(this.#keyPrefix, partition);
    const outcome = await this.#connection.call({
      doing: 'Committing',
      where: this.#where(partition),
      bytes: bytes + key.length,
      send: (client) => runScript(client, COMMIT_SCRIPT, { key, args }),
    });
    if (outcome === 'committed' || outcome === 'outrun') return outcome;
    // The script saw something wrong; this tells what. When it sees nothing wrong any more,
    // somebody has changed the state in between, and that is all a commit has to know.
    await this.#readHeader(partition);
    return 'outrun';
  }

  async #discardCorrupt(partition: number): Promise<boolean> {
    const key = stateKey(this.#keyPrefix, partition);
    const discard = async (...args: string[]): Promise<unknown> =>
      await this.#connection.call({
        doing: 'Discarding',
        where: this.#where(partition),
        bytes: key.length,
        send: (client) => runScript(client, DISCARD_SCRIPT, { key, args }),
      });
    const look = await discard();
    try {
      await this.#load(partition);
      return false;
    } catch (error) {
      if (!isCorruptState(error)) throw error;
    }
    return (await discard(String(look))) === 'removed';
  }

  async #readHeader(partition: number): Promise<RedisHeader | undefined> {
    const key = stateKey(this.#keyPrefix, partition);
    const where = this.#where(partition);
    const reply = await this.#connection.call({
      doing: 'Reading',
      where,
      send: (client) => runScript(client, READ_HEADER_SCRIPT, { key }),
    });
    return decodeHeader(reply as HeaderReply, where);
  }

  /** Counts a call as under way: `close` waits for it. */
  async #calling<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw closedState(this.#place);
    const called = call();
    this.#underWay.add(called);
    try {
      return await called;
    } finally {
      this.#underWay.delete(called);
    }
  }

  #where(partition: number): string {
    return `${this.#place}, ${stateKey(this.#keyPrefix, partition)}`;
  }

  #tooBig(partition: number, bytes: number): StateError {
    return new StateError({
      code: STATE_CODES.tooBig,
      kind: 'permanent',
      message:
        `A commit of ${bytes} bytes to ${this.#where(partition)} is more than the ` +
        `${this.#settings.commitBytesMax} that are allowed at once. The state is as it was and ` +
        'the log keeps every record.',
      remedy: 'Commit more often, or lower the bounds of what a partition remembers.',
    });
  }
}

function busyWithCommits(where: string, attempts: number): StateError {
  return new StateError({
    code: STATE_CODES.busy,
    kind: 'transient',
    message:
      `The state in ${where} could not be read in one piece: ${attempts} times in a row somebody ` +
      'committed meanwhile. Nothing was counted from it; it is tried again.',
    remedy: 'Wait: its other owner stops as soon as its commits are outrun.',
  });
}
