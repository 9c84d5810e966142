import { DecodeError } from '../samples/decode-error.ts';
import type { RejectReason } from '../samples/reject-reasons.ts';
import type { PushLimits } from './push-limits.ts';
import type { PushSink } from './push-sink.ts';
import { readSample, type ObjectForm } from './read-sample.ts';

/** Numbers the samples of one request, checks them and tells the sink of each. */
export class SampleTeller {
  readonly #sink: PushSink;
  readonly #form: ObjectForm;
  readonly #limits: PushLimits;
  #count = 0;

  constructor(sink: PushSink, form: ObjectForm, limits: PushLimits) {
    this.#sink = sink;
    this.#form = form;
    this.#limits = limits;
  }

  /** The ordinal of the next sample. */
  get count(): number {
    return this.#count;
  }

  tell(raw: unknown): void {
    const sample = readSample(raw, this.#form, this.#limits);
    const ordinal = this.#next();
    if ('reason' in sample) this.#sink.reject(ordinal, sample.reason, sample.detail);
    else this.#sink.sample(ordinal, sample);
  }

  reject(reason: RejectReason, detail: string): void {
    this.#sink.reject(this.#next(), reason, detail);
  }

  /** False, and the sample is rejected, when it takes too many bytes to be parsed. */
  admitBytes(length: number): boolean {
    const { sampleBytesMax } = this.#limits;
    if (length <= sampleBytesMax) return true;
    this.reject(
      'sample_too_large',
      `the sample takes ${length} bytes, the limit is ${sampleBytesMax}`,
    );
    return false;
  }

  /** @throws DecodeError `empty_request` when there was no sample at all. */
  finish(): void {
    if (this.#count === 0) throw new DecodeError('empty_request', 'there is no sample in the body');
  }

  #next(): number {
    const { samplesMax } = this.#limits;
    if (this.#count === samplesMax) {
      throw new DecodeError('too_many_samples', `the request has more than ${samplesMax} samples`);
    }
    this.#count += 1;
    return this.#count - 1;
  }
}
