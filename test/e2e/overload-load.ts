import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import { REMOTE_WRITE_HEADERS, Sender } from '../load/sender.ts';
import { figuresOf } from '../services/process-figures.ts';

/**
 * What the process of Node takes at most, without PostgreSQL, with default settings: README.md
 * states it. Series cost memory for as long as they are remembered.
 */
export const RSS_BYTES_MAX: number = 1024 ** 3;
export const RSS_BYTES_PER_SERIES: number = 3 * 1024;

/** Connections that send a byte a second: of a head that never ends, or of a body. */
export class SlowConnections {
  readonly #sockets: Socket[] = [];
  /** Those whose first bytes are sent. */
  readonly #begun: Socket[] = [];
  readonly #timer: NodeJS.Timeout;
  /** What each of them was answered before it was closed. */
  readonly answers: string[] = [];

  private constructor() {
    this.#timer = setInterval(() => {
      for (const socket of this.#begun) if (socket.writable) socket.write('x');
    }, 1000);
  }

  /** Resolves when all are connected. */
  static async open(
    url: string,
    count: Readonly<{ heads: number; bodies: number; bodyBytes?: number }>,
  ): Promise<SlowConnections> {
    const slow = new SlowConnections();
    const head = 'POST /v1/events HTTP/1.1\r\nHost: slow\r\nX-Slow: ';
    const body =
      'POST /v1/events HTTP/1.1\r\nHost: slow\r\nContent-Type: application/json\r\n' +
      `Content-Length: 1000000\r\n\r\n[${' '.repeat(count.bodyBytes ?? 0)}`;
    await Promise.all([
      ...Array.from({ length: count.heads }, () => slow.#connect(url, head)),
      ...Array.from({ length: count.bodies }, () => slow.#connect(url, body)),
    ]);
    return slow;
  }

  get open(): number {
    return this.#sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  async #connect(url: string, text: string): Promise<void> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    this.#sockets.push(socket);
    let answer = '';
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    // A server may reset it; what was answered before counts.
    socket.on('error', () => undefined);
    socket.on('close', () => this.answers.push(answer));
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve);
      socket.once('close', () => resolve());
    });
    if (socket.writable) socket.write(text);
    this.#begun.push(socket);
  }
}

/** Samples a second that a sender of new series offers; each is of a series of its own. */
export interface NewSeriesResult {
  samples: number;
  tookMs: number;
  retries: Readonly<Record<string, number>>;
  /** Refusals that did not say when to come again. */
  withoutRetryAfter: number;
}

const SERIES_PER_REQUEST = 1000;

/** Sends series that nobody has seen before, so many a second, until all are acknowledged. */
export async function sendNewSeries(
  url: string,
  params: Readonly<{ perSecond: number; seconds: number; connections: number }>,
): Promise<NewSeriesResult> {
  const { perSecond, seconds, connections } = params;
  const requests = Math.ceil((perSecond * seconds) / SERIES_PER_REQUEST);
  const startMs = performance.now();
  const timeMs = Date.now();
  const result = { samples: 0, retries: {} as Record<string, number>, withoutRetryAfter: 0 };
  let next = 0;
  const run = async (): Promise<void> => {
    const sender = new Sender({
      url,
      answerMsMax: 30_000,
      retryMsMax: 300_000,
      onRetry: (failure, answer) => {
        result.retries[failure] = (result.retries[failure] ?? 0) + 1;
        if (answer !== undefined && !answer.headers.has('retry-after'))
          result.withoutRetryAfter += 1;
      },
    });
    try {
      while (next < requests) {
        const number = next;
        next += 1;
        const dueMs = startMs + (number * SERIES_PER_REQUEST * 1000) / perSecond;
        const body = newSeriesBody(number, timeMs);
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await sleep(waitMs);
        await sender.post({ path: '/api/v1/write', headers: REMOTE_WRITE_HEADERS, body });
        result.samples += SERIES_PER_REQUEST;
      }
    } finally {
      sender.close();
    }
  };
  await Promise.all(Array.from({ length: connections }, run));
  return { ...result, tookMs: performance.now() - startMs };
}

function newSeriesBody(request: number, timeMs: number): Uint8Array {
  const series = Array.from({ length: SERIES_PER_REQUEST }, (_, i) => ({
    labels: [
      ['__name__', 'churn'],
      ['container', `c-${request}-${i}`],
      ['namespace', 'production'],
    ] as const,
    samples: [[timeMs, i] as const],
  }));
  return compressSnappy(encodeWriteRequest(series));
}

const LOOK_MS = 200;

/** Looks at a process from outside while something is done to it. */
export class ProcessWatch {
  readonly #pid: number;
  readonly #url: string;
  #ended = false;
  #looking: Promise<void>;
  rssBytesMax = 0;
  /** Every different answer of `/readyz` that was not 200. */
  readonly unready = new Set<string>();
  looks = 0;

  constructor(running: Readonly<{ pid: number; url: string }>) {
    this.#pid = running.pid;
    this.#url = running.url;
    this.#looking = this.#look();
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#ended) {
      this.rssBytesMax = Math.max(this.rssBytesMax, figuresOf(this.#pid)?.rssBytes ?? 0);
      const answer = await fetch(`${this.#url}/readyz`, {
        signal: AbortSignal.timeout(20_000),
      }).catch((error: unknown) => String(error));
      if (typeof answer === 'string') this.unready.add(answer);
      else if (!answer.ok) this.unready.add(await answer.text());
      this.looks += 1;
      await sleep(LOOK_MS);
    }
  }
}
