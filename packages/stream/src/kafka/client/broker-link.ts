import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  Connection,
  requests,
  type ApiVersionRange,
  type ConnectionSettings,
  type KafkajsConnection,
  type KafkajsLogger,
  type KafkajsProtocol,
} from './kafkajs-internals.ts';
import { SESSION_REST_MS, type KafkaConnection } from './kafka-settings.ts';
import { WireWriter } from './wire-bytes.ts';

/** The broker did not answer in time, or the connection is gone: the outcome is not known. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
}

/** The first version of Produce that names topics by id. */
export const PRODUCE_BY_ID = 13;

export interface LinkRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  /** What follows the header; not copied. */
  readonly body: readonly Uint8Array[];
  /** The version is a flexible one: headers end with tagged fields, that of the answer too. */
  readonly isFlexible: boolean;
}

export type LinkParams = Readonly<{
  host: string;
  port: number;
  connection: KafkaConnection;
  logger: KafkajsLogger;
  connectMs: number;
}>;

const PRODUCE = 0;
/** Brokers of 3.1 and newer have these; older ones are refused. */
const NEEDED: readonly (readonly [name: string, apiKey: number, version: number])[] = [
  ['Produce', PRODUCE, 7],
  ['Fetch', 1, 13],
  ['ListOffsets', 2, 4],
  ['Metadata', 3, 12],
  ['DeleteRecords', 21, 1],
  ['InitProducerId', 22, 1],
];
const SASL_AUTHENTICATE = 36;

/**
 * One connection to one broker, used once: whatever goes wrong with it ends it, together with all
 * requests under way, and a new one is made. It never keeps a request longer than told.
 */
export class BrokerLink {
  readonly address: string;
  readonly #connection: KafkajsConnection;
  readonly #hasSasl: boolean;
  readonly #clientId: string;
  #error: Error | undefined;
  #underWay = 0;
  #lacking: string | undefined;
  #knowsTopicsById = false;

  private constructor(params: LinkParams) {
    const { host, port, connection, logger, connectMs } = params;
    this.address = `${host}:${port}`;
    this.#hasSasl = connection.sasl !== undefined;
    this.#clientId = connection.clientId;
    this.#connection = new Connection({
      ...connectionSettings(connection),
      host,
      port,
      logger,
      connectionTimeout: connectMs,
      reauthenticationThreshold: SESSION_REST_MS,
      requestTimeout: connectMs,
    });
  }

  /** Connects, asks for the versions, authenticates. */
  static async open(params: LinkParams): Promise<BrokerLink> {
    const link = new BrokerLink(params);
    await link.#within(params.connectMs, 'does not let us connect', () => link.#connect());
    return link;
  }

  /** False: make a new one. So also after the time for which the broker knows who we are. */
  get isUsable(): boolean {
    if (this.#error !== undefined) return false;
    return !this.#hasSasl || this.#connection.isAuthenticated();
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Produce requests may say by id which topic they mean: brokers of 4.1 and newer. */
  get knowsTopicsById(): boolean {
    return this.#knowsTopicsById;
  }

  /** What of Kafka's protocol this broker is too old for. */
  get lacking(): string | undefined {
    return this.#lacking;
  }

  /** Sends at once; resolves with the answer, or rejects with a `LinkError` and is closed. */
  async send(request: LinkRequest, msMax: number): Promise<Buffer> {
    if (this.#error !== undefined) throw this.#error;
    this.#underWay += 1;
    try {
      const what = `does not answer ${request.apiName}`;
      return await this.#within(msMax, what, () => this.#push(request));
    } finally {
      this.#underWay -= 1;
    }
  }

  /** The same for requests that kafkajs knows how to encode. */
  async ask<Answer>(protocol: KafkajsProtocol<Answer>, msMax: number): Promise<Answer> {
    const { request, response } = protocol;
    const { apiKey, apiVersion, apiName } = request;
    const body = [(await request.encode()).buffer];
    const answer = await this.send({ apiKey, apiVersion, apiName, body, isFlexible: false }, msMax);
    return await response.parse(await response.decode(answer));
  }

  close(error: Error = new LinkError(`${this.address}: the connection was closed.`)): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#connection.requestQueue.rejectAll(error);
    this.#connection.requestQueue.destroy();
    this.#connection.socket?.destroy();
  }

  async #connect(): Promise<void> {
    const connection = this.#connection;
    const connecting = connection.connect();
    // An end of the connection that kafkajs overlooks, as during a TLS handshake.
    connection.socket?.once('close', () => {
      this.close(new LinkError(`${this.address}: the connection was lost.`));
    });
    await connecting;
    const { apiVersions } = await this.ask(
      requests.ApiVersions.protocol({ version: 2 })(),
      2 ** 30,
    );
    const versions: Record<number, ApiVersionRange> = {};
    for (const { apiKey, ...range } of apiVersions) versions[apiKey] = range;
    connection.setVersions(versions);
    connection.setSupportAuthenticationProtocol(SASL_AUTHENTICATE in versions);
    await connection.authenticate();
    this.#knowsTopicsById = (versions[PRODUCE]?.maxVersion ?? 0) >= PRODUCE_BY_ID;
    this.#lacking = NEEDED.filter(
      ([, apiKey, version]) =>
        version < (versions[apiKey]?.minVersion ?? Infinity) ||
        version > (versions[apiKey]?.maxVersion ?? -1),
    )
      .map(([name, , version]) => `${name} ${version}`)
      .join(', ');
    if (this.#lacking === '') this.#lacking = undefined;
  }

  #push(request: LinkRequest): Promise<Buffer> {
    const { apiKey, apiName, apiVersion } = request;
    const connection = this.#connection;
    const correlationId = connection.nextCorrelationId();
    const frames = frame(request, correlationId, this.#clientId);
    return new Promise((resolve, reject) => {
      connection.requestQueue.push({
        entry: {
          ...{ apiKey, apiName, apiVersion, correlationId },
          resolve: ({ payload }) => resolve(payload),
          reject,
        },
        expectResponse: true,
        requestTimeout: null,
        sendRequest: () => this.#write(frames),
      });
    });
  }

  #write(frames: readonly Uint8Array[]): void {
    const { socket } = this.#connection;
    if (socket === undefined) throw new LinkError(`${this.address}: not connected.`);
    // One system call for all of them, and no copy.
    socket.cork();
    for (const bytes of frames) socket.write(bytes);
    socket.uncork();
  }

  async #within<T>(msMax: number, what: string, work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new LinkError(`${this.address} ${what} within ${msMax} ms.`);
        this.close(error);
        reject(error);
      }, msMax);
    });
    const working = work();
    try {
      return await Promise.race([working, late]);
    } catch (error) {
      // The one that lost the race must not become an unhandled rejection.
      working.catch(() => undefined);
      if (!(error instanceof LinkError)) this.close(toError(error));
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The request as it goes out, its body uncopied. */
function frame(
  request: LinkRequest,
  correlationId: number,
  clientId: string,
): readonly Uint8Array[] {
  const header = new WireWriter()
    .int16(request.apiKey)
    .int16(request.apiVersion)
    .int32(correlationId)
    .string(clientId);
  if (request.isFlexible) header.uvarint(0);
  const { bytes } = header;
  const size = request.body.reduce((sum, part) => sum + part.length, bytes.length);
  return [new WireWriter().int32(size).bytes, bytes, ...request.body];
}

function connectionSettings(
  connection: KafkaConnection,
): Pick<
  ConnectionSettings,
  'clientId' | 'ssl' | 'sasl' | 'enforceRequestTimeout' | 'socketFactory'
> {
  const { clientId, ssl, sasl } = connection;
  return {
    clientId,
    ssl: ssl === true ? {} : ssl || null,
    // A copy: kafkajs keeps its authenticator in it.
    sasl: sasl === undefined ? null : { ...sasl },
    // Its check wakes up ten times a second for each connection; ours are timers that are there
    // only while something is under way.
    enforceRequestTimeout: false,
    socketFactory: openSocket,
  };
}

const KEEP_ALIVE_MS = 60_000;

/** kafkajs's own, with TCP_NODELAY: a request must not wait for the acknowledgement of another. */
function openSocket(params: Parameters<ConnectionSettings['socketFactory']>[0]): Socket {
  const { host, port, ssl, onConnect } = params;
  const where = { host, port, noDelay: true };
  const socket =
    ssl === null
      ? connectPlain(where, onConnect)
      : connectTls({ ...where, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new LinkError(String(error));
}
