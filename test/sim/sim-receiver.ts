import { TOPIC_EVENTS, type Producer, type Stream } from '@millrace/stream';
import { dataRecord } from '@millrace/transformer/testing';
import { encodeEventsRecord } from '@millrace/wire';
import type { MortalProcess } from './mortal-process.ts';
import { routed, type SimRequest } from './workload.ts';

/**
 * What a receiver does with a request, without HTTP: routes it, numbers its records, and answers
 * only when all of them are durable.
 */
export class SimReceiver {
  readonly #process: MortalProcess;
  readonly #producer: Producer;
  readonly #instance: string;
  readonly #sequences: number[];
  readonly #cumulative: number[];
  readonly #acknowledged: { samples: number; from: number }[];

  constructor(process: MortalProcess, stream: Stream, instance: number) {
    this.#process = process;
    this.#producer = process.stream(stream).producer();
    this.#instance = instance.toString(16).padStart(16, '0');
    this.#sequences = new Array<number>(stream.partitions).fill(0);
    this.#cumulative = new Array<number>(stream.partitions).fill(0);
    this.#acknowledged = this.#cumulative.map(() => ({ samples: 0, from: -1 }));
  }

  /** Resolves when the request is acknowledged; rejects when the sender has to retry. */
  async push(request: SimRequest): Promise<void> {
    const parts = routed(request.samples, this.#sequences.length);
    await Promise.all(
      parts.map(async (samples, partition) => {
        if (samples.length === 0) return;
        this.#sequences[partition]! += 1;
        this.#cumulative[partition]! += samples.length;
        const record = dataRecord({
          samples,
          receivedAtUs: this.#process.clock.nowUs(),
          identity: request.identity,
          receiver: this.#instance,
          sequence: this.#sequences[partition]!,
          cumulativeSamples: this.#cumulative[partition]!,
          acknowledged: this.#acknowledged[partition]!,
        });
        const payload = encodeEventsRecord(record);
        const { offset } = await this.#producer.append(TOPIC_EVENTS, partition, payload);
        const acknowledged = this.#acknowledged[partition]!;
        acknowledged.samples += samples.length;
        if (acknowledged.from < 0 || offset < acknowledged.from) acknowledged.from = offset;
      }),
    );
  }
}
