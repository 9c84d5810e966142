import { SampleKind } from '@millrace/model';
import type { PushedRequest } from '@millrace/receiver';
import type { TestSample } from '@millrace/transformer/testing';
import { encodeSimRequest } from './encode-sim-request.ts';
import type { Random } from './random.ts';
import { sampleKey } from './sample-key.ts';
import { besidesOf, isRemote, type SimBesides } from './sim-besides.ts';
import {
  contradicting,
  nextSample,
  simSeriesOf,
  steadySeriesOf,
  type SimSeries,
} from './sim-series.ts';

/** One request of a producer: what it sends until it is answered. */
export interface SimRequest extends PushedRequest, SimBesides {
  samples: readonly TestSample[];
  /** After so many attempts its sender gives up, whatever became of them. */
  attemptsMax: number;
}

export interface WorkloadPlan {
  producers: number;
  stepUs: number;
  /** Share of moments at which a producer loses its connection; then it keeps what it has. */
  offline: number;
  offlineUsMax: number;
  /** Share of moments at which somebody sends what he should not. */
  odd: number;
  /** By how much the producers' clocks may be wrong, either way. */
  skewUsMax: number;
  /** Series of one more producer, which sends all of them in each request, some steps at a time. */
  steadySeries: number;
}

interface SimProducer {
  series: SimSeries[];
  skewUs: number;
  /** Time of its next samples, by its own clock. */
  nextUs: number;
  offlineUntilUs: number;
}

/** Steps a producer can keep while nobody takes them. */
const BACKLOG_STEPS_MAX = 40;

/** So many steps the steady producer keeps, and then sends, a request for each. */
const STEADY_STEPS = 8;

/** Requests that may be sent again as others. */
const RECENT_MAX = 40;

/** How far off the producers' usual steps the samples lie that come out of turn. */
const OFF_STEP_US = 3_337_000;

/**
 * What producers send: each at its own step and by its own clock, what is left of an outage in
 * larger requests. And what they should not send: old samples again, the same with other values,
 * samples between others long after those.
 */
export class Workload {
  readonly #random: Random;
  readonly #plan: WorkloadPlan;
  readonly #producers: SimProducer[];
  readonly #steady: SimProducer;
  /** Keys of samples that came out of turn. */
  readonly #odd = new Set<string>();
  readonly #recent: (readonly TestSample[])[] = [];
  #requests = 0;
  #serial = 0;

  constructor(random: Random, plan: WorkloadPlan, startUs: number) {
    this.#random = random;
    this.#plan = plan;
    const firstUs = Math.floor(startUs / plan.stepUs) * plan.stepUs;
    this.#producers = Array.from({ length: plan.producers }, (_, p) => ({
      series: simSeriesOf(p),
      skewUs: random.chance(0.4) ? random.int(2 * plan.skewUsMax + 1) - plan.skewUsMax : 0,
      nextUs: firstUs,
      offlineUntilUs: 0,
    }));
    const series = steadySeriesOf(plan.steadySeries);
    this.#steady = { series, skewUs: 0, nextUs: firstUs, offlineUntilUs: 0 };
    for (const producer of this.#producers) {
      producer.nextUs += Math.floor(producer.skewUs / plan.stepUs) * plan.stepUs;
    }
  }

  /**
   * Whether it is not promised that a sample can be told from others: it came out of turn, or
   * something beside it did, so that nobody sees that it is missing.
   */
  mayBeUntold(sample: TestSample): boolean {
    if (this.#odd.has(sampleKey(sample))) return true;
    const { stepUs } = this.#plan;
    return [-3, -2, -1, 0, 1, 2].some((steps) => {
      const timeUs = sample.timeUs + steps * stepUs + OFF_STEP_US;
      return this.#odd.has(sampleKey({ ...sample, timeUs }));
    });
  }

  /** Requests whose time has come. */
  due(nowUs: number): SimRequest[] {
    const { random, plan } = { random: this.#random, plan: this.#plan };
    const requests = this.#producers.flatMap((producer) => {
      if (nowUs < producer.offlineUntilUs) return [];
      if (random.chance(plan.offline)) {
        producer.offlineUntilUs = nowUs + random.int(plan.offlineUsMax);
        return [];
      }
      return this.#catchUp(producer, nowUs);
    });
    if (random.chance(plan.odd)) requests.push(...this.#oddRequests());
    const keptUs = nowUs - this.#steady.nextUs;
    if (keptUs >= STEADY_STEPS * plan.stepUs) requests.push(...this.#steadyRequests(nowUs));
    return requests;
  }

  /** Everybody is back, and sends what he has left. */
  rest(nowUs: number): SimRequest[] {
    const requests = this.#producers.flatMap((producer) => this.#catchUp(producer, nowUs));
    return [...requests, ...this.#steadyRequests(nowUs)];
  }

  #catchUp(producer: SimProducer, nowUs: number): SimRequest[] {
    const random = this.#random;
    const requests: SimRequest[] = [];
    const { stepUs } = this.#plan;
    this.#forget(producer, nowUs);
    while (producer.nextUs <= nowUs + producer.skewUs) {
      const samples: TestSample[] = [];
      const steps = 1 + random.int(4);
      for (let i = 0; i < steps && producer.nextUs <= nowUs + producer.skewUs; i += 1) {
        samples.push(...this.#stepOf(producer));
        producer.nextUs += stepUs;
      }
      requests.push(...this.#requestsOf(samples));
    }
    return requests;
  }

  /** What its own buffer could not hold is lost, before it ever was anybody's. */
  #forget(producer: SimProducer, nowUs: number): void {
    const { stepUs } = this.#plan;
    const lost =
      Math.floor((nowUs + producer.skewUs - producer.nextUs) / stepUs) - BACKLOG_STEPS_MAX;
    if (lost > 0) producer.nextUs += lost * stepUs;
  }

  /** Records of one layout, behind one another: those are folded together. */
  #steadyRequests(nowUs: number): SimRequest[] {
    const steady = this.#steady;
    const requests: SimRequest[] = [];
    if (steady.series.length === 0) return requests;
    const random = this.#random;
    this.#forget(steady, nowUs);
    for (; steady.nextUs <= nowUs; steady.nextUs += this.#plan.stepUs) {
      const moment = { random, timeUs: steady.nextUs, serial: this.#nextSerial };
      requests.push(this.#request(steady.series.map((one) => nextSample(one, moment))));
    }
    return requests;
  }

  #stepOf({ series, nextUs }: SimProducer): TestSample[] {
    const random = this.#random;
    const samples: TestSample[] = [];
    for (const one of series) {
      if (random.chance(one.isUntimed ? 0.5 : 0.08)) continue;
      const sample = nextSample(one, { random, timeUs: nextUs, serial: this.#nextSerial });
      if (!one.isUntimed) one.sent.push(sample);
      samples.push(sample);
    }
    return samples;
  }

  readonly #nextSerial = (): number => (this.#serial += 1);

  /** Remote write carries some only; the rest may go in shards. */
  #requestsOf(samples: readonly TestSample[]): SimRequest[] {
    const pushed = samples.filter((sample) => !isRemote(sample));
    const cut = this.#random.chance(0.3) ? this.#random.int(pushed.length + 1) : 0;
    return [samples.filter(isRemote), pushed.slice(0, cut), pushed.slice(cut)]
      .filter(({ length }) => length > 0)
      .map((some) => this.#request(some));
  }

  #request(samples: readonly TestSample[]): SimRequest {
    const random = this.#random;
    this.#requests += 1;
    this.#recent.push(samples);
    if (this.#recent.length > RECENT_MAX) this.#recent.shift();
    const key = `r${this.#requests}`;
    // What has no identity of its own needs a key, or each arrival counts.
    const isIdentified = samples.every(isRepeatable);
    const doesAnyCount = random.chance(0.1);
    const how = isIdentified || doesAnyCount ? random.int(3) : random.int(2);
    const producer = [
      { kind: 'key', key } as const,
      { kind: 'sequence', producer: 'p', sequence: this.#requests } as const,
      undefined,
    ][how];
    const attemptsMax = random.chance(0.05) ? 1 + random.int(2) : Infinity;
    const besides = besidesOf(samples, { random, serial: this.#nextSerial });
    return { ...encodeSimRequest(samples, besides), samples, ...besides, producer, attemptsMax };
  }

  #oddRequests(): SimRequest[] {
    const random = this.#random;
    const samples: TestSample[] = [];
    // All of an earlier request, as another one: a file that is read twice.
    if (random.chance(0.3)) samples.push(...this.#again());
    for (let i = 1 + random.int(3); i > 0; i -= 1) {
      const { series } = random.pick(this.#producers);
      const { sent } = random.pick(series);
      // Most are a little old, some very.
      const back = 1 + random.int(random.chance(0.5) ? 4 : 60);
      const chosen = sent.at(-back);
      if (chosen === undefined) continue;
      const odd = this.#oddOf(chosen);
      if (odd !== undefined) samples.push(odd);
    }
    return this.#requestsOf(samples);
  }

  #again(): readonly TestSample[] {
    if (this.#recent.length === 0) return [];
    return this.#random.pick(this.#recent).filter(isRepeatable);
  }

  #oddOf(chosen: TestSample): TestSample | undefined {
    const random = this.#random;
    if (!isRepeatable(chosen)) return undefined;
    switch (random.int(3)) {
      case 0:
        return chosen;
      case 1:
        return chosen.stale === true ? chosen : contradicting(chosen);
      default: {
        if (chosen.kind === SampleKind.event || chosen.stale === true) return chosen;
        const between = { ...chosen, timeUs: chosen.timeUs + OFF_STEP_US };
        this.#odd.add(sampleKey(between));
        return between;
      }
    }
  }
}

/** Without an identity it would be another sample. */
function isRepeatable({ kind, id, untimed }: TestSample): boolean {
  return kind === SampleKind.event ? id !== undefined : untimed !== true;
}
