import type { DataRecord } from '@millrace/wire';

/** What the log lost of a receiver, as a record of it shows. */
export interface Loss {
  receiver: string;
  /** The receiver's only tenant as far as it is known here; empty: it has several. */
  tenant: string;
  /** Samples that were not known to be lost before. */
  samples: number;
  /** The receiver's record before the one that tells; -1: there was none. */
  afterOffset: number;
  /** The record that tells. */
  offset: number;
}

/** What a record says of what should lie before it. */
export type Acknowledgement = Pick<
  DataRecord,
  'receiver' | 'tenant' | 'cumulativeSamples' | 'acknowledgedSamples' | 'acknowledgedFrom'
> & { values: Readonly<{ length: number }> };

interface Instance {
  /** Samples of its records so far. */
  seen: number;
  lost: number;
  /** Offset of its newest record. */
  lastOffset: number;
  /** Empty: it has brought samples of several. */
  tenant: string;
  /** It may have been known before and forgotten, when it had records up to here. */
  unsureUpTo: number;
  /** What it may have sent at most before it became known here. */
  sentBefore: number;
}

export type LossState = [
  receiver: string,
  seen: number,
  lost: number,
  lastOffset: number,
  tenant: string,
  unsureUpTo: number,
  sentBefore: number,
];

/**
 * Counts samples that receivers know to be durable and that the log does not have. A receiver
 * tells in every record how many of its samples must lie before it; what was seen of them is
 * counted here, and the largest difference is lost.
 *
 * Nothing is ever called lost that was only forgotten: an instance that comes back is known by
 * where its first durable record lies. Offsets decide that, and no clock.
 */
export class LossMemory {
  readonly #instances = new Map<string, Instance>();
  /** The newest record of any instance that was forgotten. */
  #forgottenUpTo = -1;

  /**
   * Counts a record, the first time it comes; tells what it shows to be lost. `sentAtLeast`: what
   * the instance is known to have sent before, also in records that were not counted here. The
   * first that is counted may be a late one, and tells of less.
   */
  note(record: Acknowledgement, offset: number, sentAtLeast = 0): Loss | undefined {
    const { receiver, tenant, acknowledgedSamples, acknowledgedFrom } = record;
    const samples = record.values.length;
    let instance = this.#instances.get(receiver);
    if (instance === undefined) {
      instance = {
        seen: 0,
        lost: 0,
        lastOffset: -1,
        tenant,
        unsureUpTo: this.#forgottenUpTo,
        sentBefore: Math.max(record.cumulativeSamples - samples, sentAtLeast),
      };
      this.#instances.set(receiver, instance);
    }
    if (instance.tenant !== tenant) instance.tenant = '';
    if (acknowledgedFrom >= 0 && acknowledgedFrom <= instance.unsureUpTo) {
      instance.seen += instance.sentBefore;
      instance.sentBefore = 0;
    }
    const lost = Math.max(instance.lost, acknowledgedSamples - instance.seen);
    const loss =
      lost === instance.lost
        ? undefined
        : {
            receiver,
            tenant: instance.tenant,
            samples: lost - instance.lost,
            afterOffset: instance.lastOffset,
            offset,
          };
    instance.lost = lost;
    instance.seen += samples;
    instance.lastOffset = offset;
    return loss;
  }

  /** Its loss stays in the ledger. */
  forget(receiver: string): void {
    const instance = this.#instances.get(receiver);
    if (instance === undefined) return;
    this.#forgottenUpTo = Math.max(this.#forgottenUpTo, instance.lastOffset);
    this.#instances.delete(receiver);
  }

  /** Counts anew: records up to this offset were not counted. */
  startBehind(offset: number): void {
    this.#instances.clear();
    this.#forgottenUpTo = offset;
  }

  save(): [forgottenUpTo: number, LossState[]] {
    const states = [...this.#instances].map(([receiver, one]): LossState => {
      const { seen, lost, lastOffset, tenant, unsureUpTo, sentBefore } = one;
      return [receiver, seen, lost, lastOffset, tenant, unsureUpTo, sentBefore];
    });
    return [this.#forgottenUpTo, states];
  }

  load([forgottenUpTo, states]: [number, LossState[]]): void {
    this.#forgottenUpTo = forgottenUpTo;
    for (const [receiver, seen, lost, lastOffset, tenant, unsureUpTo, sentBefore] of states) {
      const instance = { seen, lost, lastOffset, tenant, unsureUpTo, sentBefore };
      this.#instances.set(receiver, instance);
    }
  }
}
