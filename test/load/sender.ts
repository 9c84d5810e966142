import { setTimeout as sleep } from 'node:timers/promises';
import { HttpConnection, type Answer } from './http-connection.ts';

/** What a sender sends until it is acknowledged. */
export interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** What is sent instead after a refusal with this status, when that mends it. */
  readonly mended?: (status: number) => Uint8Array | undefined;
}

export interface SenderSettings {
  /** Where `path` is looked for: `http://127.0.0.1:9480`. */
  readonly url: string;
  /** Without an answer for so long, a request counts as failed and is sent again. */
  readonly answerMsMax: number;
  /** How long one request is sent again and again before `post` gives up. */
  readonly retryMsMax: number;
  /** Told of each attempt that was not acknowledged; `answer`: when there was one. */
  readonly onRetry?: (failure: string, answer: Answer | undefined) => void;
}

/** How often each thing happened that made a sender send again. */
export type Retries = Map<string, number>;

interface Attempt {
  readonly answer?: Answer;
  readonly refusal?: Answer;
  readonly failure: string;
  readonly waitMs: number;
  readonly mended?: Uint8Array;
}

const BACKOFF_MS = 50;
const BACKOFF_MS_MAX = 1000;

/**
 * A producer as it should be: whatever was not acknowledged is sent again, the very same bytes,
 * until it is. Anything but 2xx, 429 and 5xx is an error of the sender's and rejects, unless the
 * request knows what mends it.
 */
export class Sender {
  readonly retries: Retries = new Map();
  readonly #settings: SenderSettings;
  readonly #url: URL;
  /** Built once for each kind of request: they hardly differ. */
  readonly #heads = new Map<string, Buffer>();
  #connection: HttpConnection | undefined;

  constructor(settings: SenderSettings) {
    this.#settings = settings;
    this.#url = new URL(settings.url);
  }

  /** Resolves with the answer that acknowledged the request. */
  async post(request: Request, signal?: AbortSignal): Promise<Answer> {
    let { body } = request;
    const deadlineMs = performance.now() + this.#settings.retryMsMax;
    for (let attempt = 0; ; attempt += 1) {
      const sent = { ...request, body };
      const { answer, refusal, failure, waitMs, mended } = await this.#try(sent, attempt);
      if (answer !== undefined) return answer;
      body = mended ?? body;
      this.retries.set(failure, (this.retries.get(failure) ?? 0) + 1);
      this.#settings.onRetry?.(failure, refusal);
      signal?.throwIfAborted();
      if (performance.now() > deadlineMs) {
        throw new Error(`not acknowledged within ${this.#settings.retryMsMax} ms: ${failure}`);
      }
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
    }
  }

  close(): void {
    this.#connection?.close();
  }

  async #try(request: Request, attempt: number): Promise<Attempt> {
    const { body } = request;
    const head = this.#headOf(request);
    const backoffMs = Math.min(BACKOFF_MS * 2 ** attempt, BACKOFF_MS_MAX);
    let answer: Answer;
    try {
      if (this.#connection?.isOpen !== true) this.#connection = new HttpConnection(this.#url);
      answer = await this.#connection.send(head, body, this.#settings.answerMsMax);
    } catch (error) {
      // No answer: the request may be in the log or not, and only sending it again tells.
      const { code, message } = error as NodeJS.ErrnoException;
      return { failure: code ?? message, waitMs: backoffMs };
    }
    const { status } = answer;
    if (status >= 200 && status < 300) return { answer, failure: '', waitMs: 0 };
    if (status !== 429 && status < 500) {
      const mended = request.mended?.(status);
      if (mended === undefined) throw new Error(`refused, ${status}: ${answer.body}`);
      return { refusal: answer, failure: String(status), waitMs: 0, mended };
    }
    const retryAfterMs = Number(answer.headers.get('retry-after') ?? 0) * 1000;
    const waitMs = Math.max(backoffMs, retryAfterMs);
    return { refusal: answer, failure: String(status), waitMs };
  }

  #headOf({ path, headers, body }: Request): Buffer {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const text =
      `POST ${path} HTTP/1.1\r\nHost: ${this.#url.host}\r\n${lines.join('')}` +
      `Content-Length: ${body.length}\r\n\r\n`;
    let head = this.#heads.get(text);
    if (head === undefined) {
      if (this.#heads.size >= HEADS_MAX) this.#heads.clear();
      head = Buffer.from(text, 'latin1');
      this.#heads.set(text, head);
    }
    return head;
  }
}

const HEADS_MAX = 1000;

/** What every request of remote write 1.0 carries. */
export const REMOTE_WRITE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'application/x-protobuf',
  'Content-Encoding': 'snappy',
  'X-Prometheus-Remote-Write-Version': '0.1.0',
  'User-Agent': 'millrace-load',
};
