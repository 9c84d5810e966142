import type { DataRecord } from '@millrace/wire';
import { SequenceSet } from './sequence-set.ts';

/** What one receiver instance says it appended to a partition, beside what is there. */
export interface ReceiverCount {
  receiver: string;
  /** Sequences between the first and the last that the log does not hold. */
  holes: [first: number, last: number][];
  /** Samples that the receiver knew to be durable and that are not in the log. */
  lostSamples: number;
  /** Offset of the record that said so first. */
  toldAt: number | undefined;
}

interface Instance {
  sequences: SequenceSet;
  /** Of its records, and of those before the first one held. */
  samples: number;
  isForgotten: boolean;
  lostSamples: number;
  toldAt: number | undefined;
  seenUs: number;
}

/** Every record of every receiver of one partition. */
export class ReceiverCounts {
  readonly #instances = new Map<string, Instance>();
  readonly #start: number;
  lostSamples = 0;

  /** `start`: the first offset that the log still holds. */
  constructor(start: number) {
    this.#start = start;
  }

  /** Notes a record; false when the log had it before: it was appended twice. */
  note(record: DataRecord, offset: number, partitionTimeUs: number): boolean {
    const samples = record.values.length;
    const instance = this.#instances.get(record.receiver) ?? this.#begin(record);
    instance.seenUs = partitionTimeUs;
    instance.isForgotten = false;
    if (!instance.sequences.add(record.sequence)) return false;
    const lost = record.acknowledgedSamples - instance.samples;
    if (lost > instance.lostSamples) {
      this.lostSamples += lost - instance.lostSamples;
      instance.lostSamples = lost;
      instance.toldAt ??= offset;
    }
    instance.samples += samples;
    return true;
  }

  /**
   * Who was silent since then may append a record again unrecognised: for longer, nobody promises
   * that it is. Its samples stay counted.
   */
  forget(untilUs: number): void {
    for (const instance of this.#instances.values()) {
      if (instance.isForgotten || instance.seenUs > untilUs) continue;
      instance.isForgotten = true;
      instance.sequences.forget();
    }
  }

  /** Instances of which something is missing. */
  incomplete(): ReceiverCount[] {
    return [...this.#instances].flatMap(([receiver, one]) => incompleteOf(receiver, one));
  }

  #begin({ receiver, cumulativeSamples, values, acknowledgedFrom }: DataRecord): Instance {
    const isFromBefore = acknowledgedFrom >= 0 && acknowledgedFrom < this.#start;
    const instance = {
      sequences: new SequenceSet(),
      samples: isFromBefore ? cumulativeSamples - values.length : 0,
      ...{ lostSamples: 0, toldAt: undefined, seenUs: 0, isForgotten: false },
    };
    this.#instances.set(receiver, instance);
    return instance;
  }
}

function incompleteOf(
  receiver: string,
  { sequences, lostSamples, toldAt }: Instance,
): ReceiverCount[] {
  const holes = sequences.holes();
  if (holes.length === 0 && lostSamples === 0) return [];
  return [{ receiver, holes, lostSamples, toldAt }];
}
