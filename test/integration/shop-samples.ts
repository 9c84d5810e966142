import { Random } from '../sim/random.ts';

const STEP_MS = 30_000;
const TILLS = 12;
const SHOPS = 3;

/** Counters and gauges of some shops; `time` is RFC 3339. */
export interface ShopSample {
  name: 'sales_total' | 'temperature';
  kind: 'cumulative' | 'gauge';
  time: string;
  value: number;
  labels: Readonly<Record<string, string>>;
}

/**
 * What a seed says that shops send from a time on, a request every half minute. Values are no whole
 * numbers, so that adding them in another order shows; counters run, stand still and begin anew.
 */
export class ShopSamples {
  readonly fromMs: number;
  readonly requests: number;
  readonly #random: Random;
  readonly #counters = Array.from({ length: TILLS }, () => 0);
  /** Numbers the late ones: each has a time of its own, and is no duplicate. */
  #late = 0;

  constructor(params: Readonly<{ fromMs: number; requests: number; seed: number }>) {
    this.fromMs = params.fromMs;
    this.requests = params.requests;
    this.#random = new Random(params.seed);
  }

  /** Every seventh comes after those that follow it. */
  request(i: number): ShopSample[] {
    const atMs = this.fromMs + (i % 7 === 6 ? i - 4 : i) * STEP_MS;
    return this.#samples((till) => atMs + till * 10);
  }

  /** Of any time of before, between what has come. */
  lateRequest(): ShopSample[] {
    this.#late += 1;
    const atMs = this.fromMs + this.#random.int(this.requests) * STEP_MS + 500 + this.#late;
    return this.#samples((till) => atMs + till * 1000).filter(() => this.#random.chance(0.5));
  }

  #samples(timeMs: (till: number) => number): ShopSample[] {
    return this.#counters.flatMap((_, till) => {
      const time = new Date(timeMs(till)).toISOString();
      const labels = { shop: `shop-${till % SHOPS}`, till: `till-${till}` };
      const temperature = (this.#random.next() - 0.5) * 40;
      return [
        { name: 'sales_total', kind: 'cumulative', time, labels, value: this.#counted(till) },
        { name: 'temperature', kind: 'gauge', time, labels, value: temperature },
      ] satisfies ShopSample[];
    });
  }

  #counted(till: number): number {
    if (this.#random.chance(0.05)) this.#counters[till] = 0;
    else if (this.#random.chance(0.8)) this.#counters[till]! += this.#random.next() * 9.9;
    return this.#counters[till]!;
  }
}
