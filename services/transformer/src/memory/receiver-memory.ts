import type { FoldSettings } from '@millrace/wire';

/** Stretches of sequences [first, last] one receiver may leave open between them. */
const STRETCHES_MAX = 64;
/** Instances remembered: a receiver gets a new one at every start. */
export const RECEIVERS_MAX = 1024;

interface Instance {
  /** Sequences seen, as ascending stretches that do not touch: the first is the contiguous one. */
  stretches: [first: number, last: number][];
  cumulativeSamples: number;
  seenUs: number;
}

export type ReceiverState = [
  instance: string,
  stretches: number[],
  cumulative: number,
  seen: number,
];

/**
 * Which records of every receiver instance were seen in this partition: a record appended twice
 * by the log's own retry is recognised by (instance, sequence), in any order of arrival.
 */
export class ReceiverMemory {
  readonly #instances = new Map<string, Instance>();
  readonly #settings: Pick<FoldSettings, 'identityHorizonUs'>;
  /** Called with every instance that is forgotten. */
  onForget: (receiver: string) => void = () => undefined;

  constructor(settings: Pick<FoldSettings, 'identityHorizonUs'>) {
    this.#settings = settings;
  }

  /** Notes a record; false when it was noted before. */
  note(
    record: Readonly<{ receiver: string; sequence: number; cumulativeSamples: number }>,
    partitionTimeUs: number,
  ): boolean {
    let instance = this.#instances.get(record.receiver);
    if (instance === undefined) {
      if (this.#instances.size >= RECEIVERS_MAX) this.#forgetOldest();
      instance = { stretches: [], cumulativeSamples: 0, seenUs: partitionTimeUs };
      this.#instances.set(record.receiver, instance);
    }
    instance.seenUs = partitionTimeUs;
    if (!addSequence(instance.stretches, record.sequence)) return false;
    instance.cumulativeSamples = Math.max(instance.cumulativeSamples, record.cumulativeSamples);
    return true;
  }

  /** Samples an instance had sent when it encoded the newest record of it that is known here. */
  sentBy(receiver: string): number {
    return this.#instances.get(receiver)?.cumulativeSamples ?? 0;
  }

  /** Forgets instances that were silent for longer than the horizon. */
  expire(partitionTimeUs: number): void {
    const limit = partitionTimeUs - this.#settings.identityHorizonUs;
    for (const [name, instance] of this.#instances) {
      if (instance.seenUs <= limit) this.#forget(name);
    }
  }

  /** Of several seen last at the same time the lowest name goes: the map's order is no state. */
  #forgetOldest(): void {
    let oldest: [name: string, seenUs: number] | undefined;
    for (const [name, { seenUs }] of this.#instances) {
      const isOlder =
        oldest === undefined || seenUs < oldest[1] || (seenUs === oldest[1] && name < oldest[0]);
      if (isOlder) oldest = [name, seenUs];
    }
    if (oldest !== undefined) this.#forget(oldest[0]);
  }

  #forget(name: string): void {
    this.#instances.delete(name);
    this.onForget(name);
  }

  save(): ReceiverState[] {
    return [...this.#instances].map(([name, { stretches, cumulativeSamples, seenUs }]) => [
      name,
      stretches.flat(),
      cumulativeSamples,
      seenUs,
    ]);
  }

  load(states: readonly ReceiverState[]): void {
    for (const [name, flat, cumulativeSamples, seenUs] of states) {
      const stretches: [number, number][] = [];
      for (let i = 0; i < flat.length; i += 2) stretches.push([flat[i]!, flat[i + 1]!]);
      this.#instances.set(name, { stretches, cumulativeSamples, seenUs });
    }
  }
}

/** Adds a sequence to the stretches; false when one of them has it. */
function addSequence(stretches: [number, number][], sequence: number): boolean {
  let at = stretches.length;
  while (at > 0 && stretches[at - 1]![0] > sequence) at -= 1;
  const before = stretches[at - 1];
  const after = stretches[at];
  if (before !== undefined && sequence <= before[1]) return false;
  const joinsBefore = before !== undefined && before[1] + 1 === sequence;
  const joinsAfter = after !== undefined && after[0] - 1 === sequence;
  if (joinsBefore && joinsAfter) {
    before[1] = after[1];
    stretches.splice(at, 1);
  } else if (joinsBefore) before[1] = sequence;
  else if (joinsAfter) after[0] = sequence;
  else stretches.splice(at, 0, [sequence, sequence]);
  if (stretches.length > STRETCHES_MAX) {
    // A receiver has far fewer appends in flight than this: the lowest hole was never appended.
    stretches.splice(0, 2, [stretches[0]![0], stretches[1]![1]]);
  }
  return true;
}
