import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import type { Answer } from '../load/http-connection.ts';
import { REMOTE_WRITE_HEADERS, Sender, type Request } from '../load/sender.ts';
import {
  counterTimeMs,
  counterValue,
  eventTimeMs,
  LANES,
  SHAPE,
  type PacedSamples,
} from './paced-samples.ts';

/** When so much of the events is unanswered, more of them wait for their turn. */
const UNANSWERED_MS_MAX = 20_000;
/** Longer than a receiver keeps a request waiting. */
const ANSWER_MS_MAX = 60_000;

export interface PacedLoadParams {
  readonly url: string;
  /** Begins the names of the metrics: loads of one store must not share series. */
  readonly name: string;
  /** Of the first samples. */
  readonly firstTimeMs: number;
  /** How many times less a second it sends than SHAPE says (1). */
  readonly slowness?: number;
  /** How long one request is sent again and again: longer than any outage. */
  readonly retryMsMax: number;
}

/**
 * A few thousand samples a second, sent when they are due: events with ids, each request on a
 * connection of its own, and counters by remote write in lanes, as Prometheus' shards: a series
 * always in the same, in order. Whatever is not acknowledged is sent again, the very same bytes.
 */
export class PacedLoad {
  readonly #params: Required<PacedLoadParams>;
  readonly #refusals = { again: 0, withoutRetryAfter: 0, noAnswer: 0 };
  readonly #giveUp = new AbortController();
  readonly #idle: Sender[] = [];
  readonly #steps = new Array<number>(LANES).fill(0);
  #events = 0;
  #acknowledged = 0;
  #sentAgain = 0;
  #underWay = 0;
  #waiting: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #isPaused = true;
  #failure: { error: unknown } | undefined;

  constructor(params: PacedLoadParams) {
    this.#params = { slowness: 1, ...params };
    // All that wait to send something again wait for it.
    setMaxListeners(0, this.#giveUp.signal);
  }

  /** Samples that were acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Attempts that were answered 503, how many of those without Retry-After, and not at all. */
  get refusals(): Readonly<Record<'again' | 'withoutRetryAfter' | 'noAnswer', number>> {
    return { ...this.#refusals };
  }

  /** What has been begun so far; acknowledged to the last of it when nothing runs. */
  get sent(): PacedSamples {
    const { name, firstTimeMs, slowness } = this.#params;
    return {
      ...{ name, firstTimeMs, slowness },
      eventRequests: this.#events,
      steps: [...this.#steps],
      sentAgain: this.#sentAgain,
    };
  }

  /** Throws what it failed with, which `pause` would only tell in the end. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Goes on where it was. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const lanes = Array.from({ length: LANES }, (_, lane) => this.#sendCounters(lane));
    this.#running = Promise.all([this.#sendEvents(), ...lanes]).then(() => undefined);
    this.#running.catch((error: unknown) => {
      this.#failure ??= { error };
    });
  }

  /** Resolves when all that was begun is acknowledged. Rejects when something was refused. */
  async pause(): Promise<PacedSamples> {
    this.#isPaused = true;
    await this.#running;
    while (this.#underWay > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.check();
    return this.sent;
  }

  /** Ends it as it is, whatever was not acknowledged. */
  async abandon(): Promise<void> {
    this.#isPaused = true;
    this.#giveUp.abort();
    await this.stop().catch(() => undefined);
  }

  /** The last pause. */
  async stop(): Promise<PacedSamples> {
    try {
      return await this.pause();
    } finally {
      for (const sender of this.#idle.splice(0)) sender.close();
    }
  }

  async #sendEvents(): Promise<void> {
    const everyMs = SHAPE.eventsEveryMs * this.#params.slowness;
    await this.#whenDue(everyMs, async () => {
      while (this.#underWay >= UNANSWERED_MS_MAX / everyMs) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
      const number = this.#events;
      this.#events += 1;
      this.#underWay += 1;
      this.#post(eventsRequest(this.#params, number), SHAPE.eventsPerRequest)
        .catch((error: unknown) => (this.#failure ??= { error }))
        .finally(() => {
          this.#underWay -= 1;
          for (const wake of this.#waiting.splice(0)) wake();
        });
    });
  }

  async #sendCounters(lane: number): Promise<void> {
    await this.#whenDue(SHAPE.countersEveryMs * this.#params.slowness, async () => {
      const step = this.#steps[lane]!;
      this.#steps[lane] = step + 1;
      await this.#post(countersRequest(this.#params, lane, step), SHAPE.seriesPerLane);
    });
  }

  /** What came late is made up for as fast as it goes. */
  async #whenDue(everyMs: number, act: () => Promise<void>): Promise<void> {
    const startMs = performance.now();
    for (let n = 0; !this.#isPaused && this.#failure === undefined; n += 1) {
      const waitMs = startMs + n * everyMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      if (!this.#isPaused) await act();
    }
  }

  async #post(request: Request, samples: number): Promise<void> {
    const { url, retryMsMax } = this.#params;
    const noted = (_failure: string, answer: Answer | undefined): void => {
      this.#sentAgain += samples;
      if (answer === undefined) this.#refusals.noAnswer += 1;
      else this.#refusals.again += 1;
      if (answer !== undefined && !answer.headers.has('retry-after')) {
        this.#refusals.withoutRetryAfter += 1;
      }
    };
    const settings = { url, answerMsMax: ANSWER_MS_MAX, retryMsMax, onRetry: noted };
    const sender = this.#idle.pop() ?? new Sender(settings);
    try {
      const { status, body } = await sender.post(request, this.#giveUp.signal);
      checkAccepted(status, body, samples);
      this.#acknowledged += samples;
      this.#idle.push(sender);
    } catch (error) {
      sender.close();
      throw error;
    }
  }
}

/** Remote write says nothing; the events of a request must all be taken, and be recognisable. */
function checkAccepted(status: number, body: string, samples: number): void {
  if (status === 204) return;
  const { accepted, identity } = JSON.parse(body) as { accepted: number; identity: string };
  if (accepted === samples && identity !== 'none') return;
  throw new Error(`${samples} samples were sent, and the answer is ${status}: ${body}`);
}

type RequestParams = Pick<PacedSamples, 'name' | 'firstTimeMs' | 'slowness'>;

function eventsRequest(params: RequestParams, number: number): Request {
  const { eventsPerRequest, shops } = SHAPE;
  const lines = Array.from({ length: eventsPerRequest }, (_, i) => {
    const id = number * eventsPerRequest + i;
    const event = {
      name: `${params.name}_orders`,
      kind: 'event',
      id: String(id),
      value: id,
      time: eventTimeMs(params, id),
      labels: { number: String(id % shops) },
    };
    return `${JSON.stringify(event)}\n`;
  });
  return {
    path: '/v1/events',
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: Buffer.from(lines.join('')),
  };
}

function countersRequest(params: RequestParams, lane: number, step: number): Request {
  const time = counterTimeMs(params, step);
  const series = Array.from({ length: SHAPE.seriesPerLane }, (_, i) => {
    const number = lane * SHAPE.seriesPerLane + i;
    const labels: [string, string][] = [
      ['__name__', `${params.name}_requests_total`],
      ['number', String(number)],
    ];
    return { labels, samples: [[time, counterValue(number, step)] as [number, number]] };
  });
  const body = compressSnappy(encodeWriteRequest(series));
  return { path: '/api/v1/write', headers: REMOTE_WRITE_HEADERS, body };
}
