import { setTimeout as sleep } from 'node:timers/promises';
import { Sender, type Request } from '../load/sender.ts';
import { Random } from '../sim/random.ts';

/** One event: its value is its number. */
export interface Sale {
  readonly shop: string;
  readonly lane: string;
  readonly timeMs: number;
  readonly value: number;
}

const EVERY_MS = 50;
const PER_REQUEST = 60;
const SHOPS = 4;
const LANES = 7;
const CONNECTIONS = 4;
const ANSWER_MS_MAX = 60_000;
const RETRY_MS_MAX = 120_000;

/**
 * Events of the present: most of a few seconds ago, some so late that the watermark has passed
 * them, some ahead of time. Each has an id, so that sending it again counts once.
 */
export class SalesLoad {
  readonly #senders: readonly Sender[];
  readonly #random: Random;
  readonly #sales: Sale[] = [];
  #running: Promise<void>[] = [];
  #isOver = false;

  constructor(params: Readonly<{ url: string; seed: number }>) {
    const { url, seed } = params;
    this.#random = new Random(seed);
    this.#senders = Array.from({ length: CONNECTIONS }, () => {
      return new Sender({ url, answerMsMax: ANSWER_MS_MAX, retryMsMax: RETRY_MS_MAX });
    });
  }

  start(): void {
    this.#running = this.#senders.map((sender) => this.#send(sender));
    for (const running of this.#running) running.catch(() => (this.#isOver = true));
  }

  /** Everything that was sent; all of it is acknowledged. */
  async stop(): Promise<readonly Sale[]> {
    this.#isOver = true;
    await Promise.all(this.#running);
    for (const sender of this.#senders) sender.close();
    return this.#sales;
  }

  async #send(sender: Sender): Promise<void> {
    while (!this.#isOver) {
      const sales = Array.from({ length: PER_REQUEST }, () => this.#sell());
      const { body } = await sender.post(requestOf(sales));
      const { accepted, identity } = JSON.parse(body) as { accepted: number; identity: string };
      if (accepted !== sales.length || identity === 'none') throw new Error(body);
      await sleep(EVERY_MS * CONNECTIONS);
    }
  }

  #sell(): Sale {
    const value = this.#sales.length;
    const timeMs = Date.now() + this.#offsetMs();
    const sale = { shop: `s${value % SHOPS}`, lane: `l${value % LANES}`, timeMs, value };
    this.#sales.push(sale);
    return sale;
  }

  #offsetMs(): number {
    const kind = this.#random.next();
    // Behind the watermark, which trails by a minute.
    if (kind < 0.1) return -65_000 - this.#random.int(25_000);
    if (kind < 0.2) return 1000 + this.#random.int(5000);
    return -this.#random.int(4000);
  }
}

function requestOf(sales: readonly Sale[]): Request {
  const samples = sales.map(({ shop, lane, timeMs, value }) => {
    const labels = { shop, lane };
    return { name: 'sales', kind: 'event', id: `${value}`, value, time: timeMs, labels };
  });
  return {
    path: '/v1/events',
    headers: { 'Content-Type': 'application/json' },
    body: Buffer.from(JSON.stringify({ samples })),
  };
}
