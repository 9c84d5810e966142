import type { Log } from '@millrace/runtime';
import { Redis } from 'ioredis';
import { closedState } from '../state-error.ts';
import type { RedisAddress } from './redis-address.ts';
import { isReplicaAnswer, RedisSilence, redisError, textOf } from './redis-errors.ts';
import type { RedisStateSettings } from './redis-settings.ts';

/** One connection that is made again whenever it breaks, and calls that never wait unbounded. */
export interface RedisConnection {
  /**
   * Runs `send` on a connection that is ready. Waits at most `connectMsMax` for one, then at most
   * `answerMsMax` and the time its bytes take for the answer. Nothing is ever sent twice.
   *
   * @throws StateError
   */
  call<T>(params: RedisCall<T>): Promise<T>;
  /** Every call under way fails; those to come are refused. */
  close(): Promise<void>;
}

export interface RedisCall<T> {
  /** For the error: `Committing`, and the state's place. */
  doing: string;
  where: string;
  /** How much it writes; a call that only reads has none. */
  bytes?: number;
  send: (client: Redis) => Promise<T>;
}

/** After this a socket that should end is cut: it may have megabytes to send to nobody. */
const END_MS_MAX = 100;
/** While Redis reads its files at its start, it is asked so often whether it is done. */
const LOADING_POLL_MS = 100;
const CONNECT_MS_MAX = 5_000;
const KEEP_ALIVE_MS = 10_000;
const READY = 'ready';

/** Begins to connect at once and returns before that is done. `onReady` is told of each success. */
export function openRedisConnection(
  params: Readonly<{
    address: RedisAddress;
    log: Log;
    settings: RedisStateSettings;
    onReady: (client: Redis) => void;
  }>,
): RedisConnection {
  const { address, log, settings, onReady } = params;
  const client = new Redis({
    ...address.options,
    // Made below, when everything that listens is in place.
    lazyConnect: true,
    protocol: 2,
    connectTimeout: CONNECT_MS_MAX,
    disconnectTimeout: END_MS_MAX,
    keepAlive: KEEP_ALIVE_MS,
    noDelay: true,
    enableReadyCheck: true,
    maxLoadingRetryTime: LOADING_POLL_MS,
    // Waiting is ours and bounded, and so is trying again: a commit must not be sent twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // What was sent fails as soon as the connection is gone.
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) =>
      Math.min(settings.reconnectMsMin * 2 ** (attempt - 1), settings.reconnectMsMax),
  });
  return new OpenRedisConnection({ client, where: address.text, log, settings, onReady });
}

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

class OpenRedisConnection implements RedisConnection {
  readonly #client: Redis;
  readonly #where: string;
  readonly #log: Log;
  readonly #settings: RedisStateSettings;
  readonly #waiting = new Set<Waiting>();
  /** Whether calls may be sent; the client's own word for it comes too early. */
  #isUsable = false;
  /** Why they may not, as far as it was told. */
  #failure: Error | undefined;
  /** What this server answered to how a connection begins. */
  #refusal: Error | undefined;
  /** Connected, and nothing came back yet. */
  #isUnanswered = false;
  /** What was logged last: that it is there, or why it is not. Each change is said once. */
  #told: string | undefined;
  #bytesUnderWay = 0;
  #handshake: NodeJS.Timeout | undefined;
  #reopening: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    params: Readonly<{
      client: Redis;
      where: string;
      log: Log;
      settings: RedisStateSettings;
      onReady: (client: Redis) => void;
    }>,
  ) {
    const { client } = params;
    this.#client = client;
    this.#where = params.where;
    this.#log = params.log;
    this.#settings = params.settings;
    client.on('connect', () => {
      this.#isUnanswered = true;
      this.#watchHandshake();
    });
    client.on('ready', () => {
      this.#isUnanswered = false;
      if (this.#refusal !== undefined) return this.#breakOff(this.#refusal);
      this.#isReady();
      params.onReady(client);
    });
    client.on('error', (error: Error) => {
      // ioredis calls a connection ready on which it could not select the database, and would
      // work on another one.
      if (client.status === 'connect') this.#refusal = error;
      // `close` comes next, and tells it in the same words each time.
      if (this.#isUnanswered && isCutOff(error)) return;
      this.#isUnanswered = false;
      this.#isAway(error);
    });
    client.on('close', () => {
      clearTimeout(this.#handshake);
      this.#refusal = undefined;
      const isCut = this.#isUnanswered;
      this.#isUnanswered = false;
      this.#isAway(isCut ? cutOff() : (this.#failure ?? new Error('Connection is closed.')));
    });
    client.on('end', () => this.#reopen());
    this.#connect();
  }

  async call<T>({ doing, where, bytes = 0, send }: RedisCall<T>): Promise<T> {
    try {
      await this.#untilReady();
    } catch (error) {
      throw redisError({ error, where, doing });
    }
    this.#bytesUnderWay += bytes;
    try {
      const answer = await this.#answerOf(send(this.#client));
      if (bytes > 0) this.#isWritable();
      return answer;
    } catch (error) {
      if (isReplicaAnswer(error)) this.#breakOff(error);
      throw redisError({ error, where, doing });
    } finally {
      this.#bytesUnderWay -= bytes;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#handshake);
    clearTimeout(this.#reopening);
    for (const waiting of this.#waiting) waiting.reject(closedState(this.#where));
    const isOpen = ['connecting', 'connect', 'ready'].includes(this.#client.status);
    const ended = new Promise<void>((resolve) => this.#client.once('end', () => resolve()));
    this.#client.disconnect();
    if (isOpen) await ended;
  }

  async #untilReady(): Promise<void> {
    if (this.#closed) throw closedState(this.#where);
    if (this.#isUsable) return;
    const { connectMsMax } = this.#settings;
    let waiting: Waiting | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        waiting = { resolve, reject };
        this.#waiting.add(waiting);
        timer = setTimeout(() => reject(this.#failure ?? this.#notReady()), connectMsMax);
      });
    } finally {
      clearTimeout(timer);
      if (waiting !== undefined) this.#waiting.delete(waiting);
    }
  }

  #notReady(): RedisSilence {
    const { connectMsMax } = this.#settings;
    return new RedisSilence(
      this.#client.status === 'connect'
        ? `connected, but after ${connectMsMax} ms still not ready: it may be reading its files`
        : `no connection after ${connectMsMax} ms`,
    );
  }

  /** A connection that stays silent is cut: what comes later would be nobody's answer. */
  async #answerOf<T>(answer: Promise<T>): Promise<T> {
    const { answerMsMax, bytesPerMsMin } = this.#settings;
    const msMax = Math.round(answerMsMax + this.#bytesUnderWay / bytesPerMsMin);
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new RedisSilence(`no answer after ${msMax} ms`);
        reject(error);
        this.#breakOff(error);
      }, msMax);
    });
    try {
      return await Promise.race([answer, silence]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends this connection, for a reason; another one is made at once. */
  #breakOff(reason: Error): void {
    this.#isUnanswered = false;
    this.#isAway(reason);
    // In any other state one is being made already, and ioredis would give it up for good.
    if (['connect', 'ready'].includes(this.#client.status)) this.#client.disconnect(true);
  }

  /** A server that takes connections and answers nothing would be waited for without end. */
  #watchHandshake(): void {
    clearTimeout(this.#handshake);
    this.#handshake = setTimeout(() => {
      if (this.#client.status === 'connect') this.#breakOff(this.#notReady());
    }, this.#settings.answerMsMax);
  }

  #connect(): void {
    // What is wrong is told by the `error` and `close` events.
    this.#client.connect().catch(() => undefined);
  }

  /** ioredis gives up for good after a few rare failures, such as a socket it could not make. */
  #reopen(): void {
    if (this.#closed) return;
    this.#reopening = setTimeout(() => this.#connect(), this.#settings.reconnectMsMax);
  }

  #isReady(): void {
    clearTimeout(this.#handshake);
    const wasReplica = isReplicaAnswer(this.#failure);
    this.#failure = undefined;
    this.#isUsable = true;
    // Perhaps it is the same replica again: that is said when it takes a commit.
    if (!wasReplica) this.#isWritable();
    for (const waiting of this.#waiting) waiting.resolve();
  }

  #isWritable(): void {
    if (this.#told === READY) return;
    this.#told = READY;
    this.#log.info({ where: this.#where }, 'Connected to Redis.');
  }

  #isAway(error: Error): void {
    this.#isUsable = false;
    if (this.#closed) return;
    this.#failure = error;
    const text = textOf(error);
    if (text === this.#told) return;
    this.#told = text;
    this.#log.warn(
      { where: this.#where, error: text },
      'Redis is away. Nothing is lost: the log keeps every record. Trying again until it is back.',
    );
  }
}

/** ioredis is still writing when the connection ends, and does not get to read why. */
function isCutOff(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' || code === 'ECONNRESET';
}

function cutOff(): RedisSilence {
  return new RedisSilence(
    'connected, and cut off before anything was answered: in protected mode Redis does that to ' +
      'clients of other hosts, until it has a password or protected-mode no',
  );
}
