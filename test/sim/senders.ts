import type { Clock } from '@millrace/runtime';
import type { TestSample } from '@millrace/transformer/testing';
import { foundKey } from './sample-key.ts';
import { exemplarKey, metadataKey } from './sim-besides.ts';
import type { Random } from './random.ts';
import type { ReceiverPool } from './receiver-pool.ts';
import type { SimRequest } from './workload.ts';

interface SendersParts {
  clock: Clock;
  random: Random;
  receivers: ReceiverPool;
  onDefect: (error: unknown) => void;
}

/** Among so many requests that wait, one may be taken out of turn. */
const NEAR_MAX = 8;

export interface SendersPlan {
  /** Requests under way at a time. */
  parallelMax: number;
  /** Share of requests that do not wait for their turn. */
  outOfTurn: number;
  timeoutMs: number;
  retryMsMax: number;
}

/** The producers' own queue and retries: they know nothing but what they are answered. */
export class Senders {
  readonly #parts: SendersParts;
  readonly #plan: SendersPlan;
  readonly #queue: SimRequest[] = [];
  #underWay = 0;
  /** All that was acknowledged, by its keys: samples, and what came beside them. */
  readonly owed: string[] = [];
  /** All that was sent, acknowledged or not. */
  readonly sent: string[] = [];

  constructor(parts: SendersParts, plan: SendersPlan) {
    this.#parts = parts;
    this.#plan = plan;
  }

  /** Requests that are not answered yet. */
  get unanswered(): number {
    return this.#queue.length + this.#underWay;
  }

  send(requests: readonly SimRequest[]): void {
    this.#queue.push(...requests);
    this.#startNext();
  }

  #startNext(): void {
    const { random, onDefect } = this.#parts;
    while (this.#underWay < this.#plan.parallelMax && this.#queue.length > 0) {
      const near = Math.min(this.#queue.length, NEAR_MAX);
      const at = random.chance(this.#plan.outOfTurn) ? random.int(near) : 0;
      const [request] = this.#queue.splice(at, 1);
      this.sent.push(...request!.samples.map(foundKey), ...besideKeys(request!, Infinity));
      this.#underWay += 1;
      this.#deliver(request!)
        .catch(onDefect)
        .finally(() => {
          this.#underWay -= 1;
          this.#startNext();
        });
    }
  }

  /** Sends until all of it is taken, each time to a receiver that is there then. */
  async #deliver(request: SimRequest): Promise<void> {
    const { clock, random } = this.#parts;
    let left = request.samples;
    for (let attempt = 0; attempt < request.attemptsMax && left.length > 0; attempt += 1) {
      const latestUs = await this.#attempt(request);
      // What lay too far in the future is refused for now, and sent again later.
      const isTaken = takenUntil(latestUs);
      this.owed.push(...left.filter(isTaken).map(foundKey), ...besideKeys(request, latestUs));
      left = left.filter((sample) => !isTaken(sample));
      if (left.length > 0) await clock.sleep(random.int(this.#plan.retryMsMax));
    }
  }

  /** The largest time that was taken; -Infinity when there was no answer. */
  async #attempt(request: SimRequest): Promise<number> {
    const { clock, random, receivers } = this.#parts;
    const taking = receivers.receive(random.int(1024), request);
    const taken = await Promise.race([
      taking.then(
        (answer) => answer,
        () => undefined,
      ),
      // A dead receiver never answers.
      clock.sleep(this.#plan.timeoutMs).then(() => undefined),
    ]);
    if (taken === undefined) return -Infinity;
    const { latestUs, receipt } = taken;
    const expected = request.samples.filter(takenUntil(latestUs)).length;
    if (receipt.accepted !== expected) {
      throw new Error(`${receipt.accepted} of ${expected} samples were taken`);
    }
    return latestUs;
  }
}

/** Whether a receiver takes a sample: one without a time has none that could be too late. */
function takenUntil(latestUs: number): (sample: TestSample) => boolean {
  return ({ timeUs, untimed }) => latestUs > -Infinity && (untimed === true || timeUs <= latestUs);
}

/** Keys of exemplars and metadata that a receiver takes. */
function besideKeys({ exemplars, metadata }: SimRequest, latestUs: number): string[] {
  if (latestUs === -Infinity) return [];
  const taken = exemplars.filter(({ timeUs }) => timeUs <= latestUs);
  return [...taken.map(exemplarKey), ...metadata.map(metadataKey)];
}
