import { fingerprintOf, partitionOf, SampleKind } from '@millrace/model';
import type { IdentityKindName } from '@millrace/wire';
import { labelSetOf, TEST_TENANT, type TestSample } from '@millrace/transformer/testing';
import type { Random } from './random.ts';

/** One request of a producer: what it sends until it is answered. */
export interface SimRequest {
  samples: TestSample[];
  identity: { kind: IdentityKindName; key: string };
}

const STEP_US = 10_000_000;

/** Requests whose samples are all distinct, so that every one has to be stored exactly once. */
export class Workload {
  readonly #random: Random;
  readonly #startUs: number;
  readonly #steps = new Map<string, number>();
  #requests = 0;

  constructor(random: Random, startUs: number) {
    this.#random = random;
    this.#startUs = startUs;
  }

  next(): SimRequest {
    this.#requests += 1;
    const random = this.#random;
    const count = 1 + random.int(12);
    const samples: TestSample[] = [];
    let isTimed = true;
    for (let i = 0; i < count; i += 1) {
      const sample = this.#sample();
      if (sample.kind === SampleKind.event && sample.id === undefined) isTimed = false;
      samples.push(sample);
    }
    // What has no identity of its own needs a key, or a retry would count twice.
    const kinds: IdentityKindName[] = isTimed ? ['key', 'digest', 'none'] : ['key'];
    return { samples, identity: { kind: random.pick(kinds), key: `r${this.#requests}` } };
  }

  #sample(): TestSample {
    const random = this.#random;
    const metric = random.pick(['gauge', 'counter', 'unknown', 'order', 'click']);
    const labels = {
      __name__: metric,
      job: random.pick(['a', 'b']),
      instance: `i${random.int(4)}`,
    };
    const key = Object.values(labels).join('/');
    const step = (this.#steps.get(key) ?? 0) + 1;
    this.#steps.set(key, step);
    const timeUs = this.#startUs + step * STEP_US;
    const value = random.int(100);
    switch (metric) {
      case 'order':
        return { labels, timeUs, value, kind: SampleKind.event, id: `${key}/${step}` };
      case 'click':
        return { labels, timeUs, value, kind: SampleKind.event };
      case 'counter':
        return { labels, timeUs, value: step * 3, kind: SampleKind.cumulative };
      case 'unknown':
        return { labels, timeUs, value: step * 2, kind: SampleKind.unknown };
      default:
        return { labels, timeUs, value, kind: SampleKind.gauge };
    }
  }
}

/** The samples of a request by partition, in their order: routing by the series as sent. */
export function routed(samples: readonly TestSample[], partitions: number): TestSample[][] {
  const parts: TestSample[][] = Array.from({ length: partitions }, () => []);
  for (const sample of samples) {
    const fingerprint = fingerprintOf(TEST_TENANT, labelSetOf(sample.labels));
    parts[partitionOf(fingerprint, 0, partitions)]!.push(sample);
  }
  return parts;
}
