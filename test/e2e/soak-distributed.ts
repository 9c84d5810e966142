import { setTimeout as sleep } from 'node:timers/promises';
import { startOwnServices, type OwnServices } from '../services/own-services.ts';
import { Random } from '../sim/random.ts';
import { accountForPaced } from './accounted-for.ts';
import { drawFaults, type DrawnFault } from './distributed-faults.ts';
import { PacedLoad } from './paced-load.ts';
import type { PacedSamples } from './paced-samples.ts';
import { SOAK_BROKERS, SoakCluster } from './soak-cluster.ts';
import { recordRound } from './survived-faults.ts';

export interface DistributedSoak {
  readonly minutes: number;
  readonly seed: number;
  /** The first one: rounds can be drawn without those before. */
  readonly round: number;
  /** How long something is away at most. */
  readonly outageSeconds: number;
  readonly say: (text: string) => void;
  readonly isStopping: () => boolean;
}

/** A world lives so long; then its room is given back. */
const ROUNDS_PER_WORLD = 6;
/** The load goes on for so long after the last fault. */
const AFTER_MS = 3000;
const SETTLE_MS_MAX = 180_000;
const HOUR_MS = 3_600_000;

/**
 * Rounds of load on three Kafka brokers, a Redis and a TimescaleDB, with faults drawn by the seed
 * and the round's number. After each all that was acknowledged since the world began is there
 * once. Resolves with whether nothing broke.
 */
export async function soakDistributed(soak: DistributedSoak): Promise<boolean> {
  const { minutes, seed, say } = soak;
  const services = await startOwnServices({ nodes: SOAK_BROKERS });
  if (!('urls' in services)) {
    for (const { what, why, fix } of services)
      say(`!! NOT RUN: ${what}: ${why}. To run it: ${fix}`);
    return false;
  }
  const rounds = new Rounds(services, soak);
  const deadlineMs = performance.now() + minutes * 60_000;
  try {
    while (performance.now() < deadlineMs && !soak.isStopping()) {
      if (!(await rounds.next())) return false;
    }
    say(`${rounds.done} rounds, nothing missing and nothing twice. Seed ${seed}.`);
    return true;
  } finally {
    await rounds.end();
    await services.stop();
  }
}

class Rounds {
  done = 0;
  readonly #services: OwnServices;
  readonly #soak: DistributedSoak;
  #cluster: SoakCluster | undefined;
  /** The round that its world began with. */
  #worldRound = 0;
  #sent: PacedSamples[] = [];

  constructor(services: OwnServices, soak: DistributedSoak) {
    this.#services = services;
    this.#soak = soak;
  }

  /** False when it broke; then it was told. */
  async next(): Promise<boolean> {
    const { seed, say, outageSeconds } = this.#soak;
    const number = this.#soak.round + this.done;
    const faults = drawFaults(new Random(seed + 1_000_003 * number), outageSeconds * 1000);
    const named = faults.map(({ name }) => name).join('; ');
    const startMs = performance.now();
    let load: PacedLoad | undefined;
    try {
      if (this.#sent.length >= ROUNDS_PER_WORLD) await this.#removeWorld();
      if (this.#cluster === undefined) {
        this.#worldRound = number;
        this.#cluster = await SoakCluster.start(this.#services);
      }
      const cluster = this.#cluster;
      load = new PacedLoad({
        url: cluster.url,
        name: `round_${number}`,
        firstTimeMs: Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS + 1234,
        retryMsMax: SETTLE_MS_MAX + outageSeconds * 1000,
      });
      const sent = await runRound(cluster, load, faults);
      this.#sent.push(sent);
      const { world } = cluster;
      const account = await accountForPaced(world, this.#sent, SETTLE_MS_MAX);
      const kinds = faults.map(({ kind }) => kind);
      recordRound(kinds, account.counts, new Date());
      const wrong = [...answerFaults(load, faults), ...account.faults];
      if (wrong.length > 0) throw new Error(wrong.join('\n'));
      this.done += 1;
      const took = ((performance.now() - startMs) / 1000).toFixed(1);
      const { again, noAnswer } = load.refusals;
      const refused = `${again} times 503, ${noAnswer} without an answer`;
      const samples = account.counts.samples.toLocaleString('en-US');
      say(`round ${number}: ${named}: ${samples} samples, ${took} s, ${refused}`);
      return true;
    } catch (error) {
      await this.#tellBroken(number, named, error);
      return false;
    } finally {
      await load?.abandon();
    }
  }

  async #tellBroken(number: number, named: string, error: unknown): Promise<void> {
    const { seed, say, outageSeconds } = this.#soak;
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    say(`round ${number} BROKE: ${named}\n${message}\n${stack ?? ''}`);
    say(
      `Seed ${seed}; the world began with round ${this.#worldRound}: ` +
        `npm run soak -- --distributed --seed ${seed} --round ${this.#worldRound} --outage-seconds ${outageSeconds}`,
    );
    if (this.#cluster === undefined) return;
    say(`What the processes said: ${await this.#cluster.saveOutputs()}`);
  }

  /** The services may be gone as well. */
  async end(): Promise<void> {
    await this.#cluster?.end();
  }

  async #removeWorld(): Promise<void> {
    await this.#cluster?.remove();
    this.#cluster = undefined;
    this.#sent = [];
  }
}

async function runRound(
  cluster: SoakCluster,
  load: PacedLoad,
  faults: readonly DrawnFault[],
): Promise<PacedSamples> {
  load.resume();
  // All of them end, so that what one of them broke does not hide another one's error.
  const ended = await Promise.allSettled(faults.map((fault) => fault.act(cluster)));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  await cluster.untilHealthy();
  await sleep(AFTER_MS);
  return await load.stop();
}

/** Senders are put off only while the log cannot take data, and are told when to come again. */
function answerFaults({ refusals }: PacedLoad, faults: readonly DrawnFault[]): string[] {
  const { again, noAnswer, withoutRetryAfter } = refusals;
  const mayPutOff = faults.some(({ stopsLog, stopsReceiver }) => stopsLog || stopsReceiver);
  const mayNotAnswer = faults.some(({ stopsReceiver }) => stopsReceiver);
  const wrong: string[] = [];
  if (withoutRetryAfter > 0) wrong.push(`${withoutRetryAfter} times 503 without Retry-After`);
  if (again > 0 && !mayPutOff) wrong.push(`${again} times 503, although the log was there`);
  if (noAnswer > 0 && !mayNotAnswer) wrong.push(`${noAnswer} times no answer`);
  return wrong;
}
