import type { MessagePort } from 'node:worker_threads';
import {
  closedStream,
  misuse,
  overloaded,
  partitionName,
  STREAM_CODES,
  StreamError,
  type StreamCode,
} from '../stream-error.ts';
import type { AppendResult, Topic } from '../stream.ts';

/** What a thread asks the owner of a topic to do. */
type PeerRequest = Readonly<{ id: number; partition: number }> &
  (
    | Readonly<{ ask: 'append'; payload: Uint8Array }>
    | Readonly<{ ask: 'release'; position: number }>
  );

type PeerAnswer =
  | Readonly<{ id: number; result: AppendResult | undefined }>
  | Readonly<{ id: number; code: StreamCode; message: string; remedy: string }>;

/** The owner's side of the port: what of its topic others may ask for. */
export interface OwnedTopic {
  append(partition: number, payload: Uint8Array): Promise<AppendResult>;
  release(partition: number, position: number): Promise<void>;
}

/** Answers what comes through `port` until the returned function is called. */
export function serveTopic(port: MessagePort, owned: OwnedTopic): () => void {
  const answer = async (request: PeerRequest): Promise<void> => {
    port.postMessage(await perform(owned, request));
  };
  const listen = (request: PeerRequest): void => void answer(request);
  port.on('message', listen);
  return () => {
    port.off('message', listen);
    port.close();
  };
}

async function perform(owned: OwnedTopic, request: PeerRequest): Promise<PeerAnswer> {
  const { id, partition } = request;
  try {
    if (request.ask === 'append') {
      return { id, result: await owned.append(partition, request.payload) };
    }
    await owned.release(partition, request.position);
    return { id, result: undefined };
  } catch (error) {
    const known =
      error instanceof StreamError
        ? error
        : misuse(`${request.ask} for partition ${partition} failed: ${String(error)}.`);
    const { code, message, remedy } = known;
    return { id, code, message, remedy: remedy ?? 'See the message.' };
  }
}

interface PendingAsk {
  resolve: (result: AppendResult | undefined) => void;
  reject: (error: unknown) => void;
}

/**
 * Appends to a topic that another thread owns: for the few small records that a stage writes
 * into a topic it does not own (ticks, barriers). The payload is copied.
 */
export class PeerTopic implements OwnedTopic {
  readonly #topic: Topic;
  readonly #port: MessagePort;
  readonly #inFlightBytesMax: number;
  readonly #pending = new Map<number, PendingAsk>();
  #inFlightBytes = 0;
  #lastId = 0;
  #closed = false;

  constructor(params: Readonly<{ topic: Topic; port: MessagePort; inFlightBytesMax: number }>) {
    this.#topic = params.topic;
    this.#port = params.port;
    this.#inFlightBytesMax = params.inFlightBytesMax;
    this.#port.on('message', (answer: PeerAnswer) => this.#settle(answer));
    this.#port.on('close', () => this.close());
    // An idle port is no reason for this thread to live on; #ask holds it while one is expected.
    this.#port.unref();
  }

  async append(partition: number, payload: Uint8Array): Promise<AppendResult> {
    const bytes = payload.length;
    if (this.#inFlightBytes > 0 && this.#inFlightBytes + bytes > this.#inFlightBytesMax) {
      throw overloaded(partitionName(this.#topic, partition), this.#inFlightBytesMax);
    }
    this.#inFlightBytes += bytes;
    try {
      // A copy that is handed over: posting a view would copy the whole buffer it looks at, and
      // the slice of a Buffer is such a view.
      const copy = new Uint8Array(payload);
      const result = await this.#ask({ ask: 'append', partition, payload: copy }, [copy.buffer]);
      return result!;
    } finally {
      this.#inFlightBytes -= bytes;
    }
  }

  async release(partition: number, position: number): Promise<void> {
    await this.#ask({ ask: 'release', partition, position }, []);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#port.close();
    const unanswered = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of unanswered) reject(closedStream(`The way to ${this.#topic}`));
  }

  #ask(
    request: Readonly<Record<string, unknown>>,
    transfer: readonly ArrayBuffer[],
  ): Promise<AppendResult | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedStream(`The way to ${this.#topic}`);
      this.#lastId += 1;
      this.#pending.set(this.#lastId, { resolve, reject });
      this.#port.ref();
      this.#port.postMessage({ id: this.#lastId, ...request }, [...transfer]);
    });
  }

  #settle(answer: PeerAnswer): void {
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) return;
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#port.unref();
    if ('code' in answer) {
      const { code, message, remedy } = answer;
      pending.reject(new StreamError({ code, message, remedy }));
    } else {
      pending.resolve(answer.result);
    }
  }
}

/** What answers for a topic that is neither owned nor reachable. */
export function noWayTo(topic: Topic): StreamError {
  return new StreamError({
    code: STREAM_CODES.misuse,
    message: `This thread neither owns ${topic} nor has a port to its owner; nothing was changed.`,
    remedy: 'Report this as a bug of Millrace.',
  });
}
