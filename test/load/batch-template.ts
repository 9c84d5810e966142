import { SampleKind, type Label } from '@millrace/model';
import { decodeBatch, encodeBatch, type BatchFields } from '@millrace/wire';
import type { RequestTemplate } from './request-template.ts';

const HEADERS = { 'Content-Type': 'application/msgpack', 'User-Agent': 'millrace-load' };
const US_PER_MS = 1000n;
/** As MessagePack it takes nine bytes, as every number that is written in its place. */
const SEQUENCE = 2 ** 40;
const UNKNOWN_SESSION = 409;

/** What all templates of one load have in common. */
export interface BatchProducer {
  readonly producer: string;
  readonly session: Uint8Array;
  /** Of the last batch. */
  sequence: number;
}

interface Body {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly sequenceAt: number;
  readonly timeAt: number;
  readonly valuesAt: number;
}

interface Parts {
  readonly producer: BatchProducer;
  readonly samples: number;
  /** With the labels of its series, and without. */
  readonly told: Body;
  readonly bare: Body;
  /** Whether somebody took the labels: of all clones at once. */
  readonly known: { is: boolean };
}

/** A native columnar batch: labels until they are acknowledged, and again when they are asked for. */
export class BatchTemplate implements RequestTemplate {
  readonly headers: Readonly<Record<string, string>> = HEADERS;
  readonly samples: number;
  readonly #parts: Parts;
  /** Which of the two is sent now: what is sent again is the very same. */
  #isBare = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.samples = parts.samples;
  }

  /** `first` is the number of the first of its series in the session. */
  static build(
    series: readonly (readonly Label[])[],
    first: number,
    producer: BatchProducer,
  ): BatchTemplate {
    const fields: BatchFields = {
      producer: producer.producer,
      session: producer.session,
      sequence: SEQUENCE,
      series: Uint32Array.from(series, (_, i) => first + i),
      timesUs: [0],
      values: new Float64Array(series.length),
    };
    const table = { first, kinds: [SampleKind.gauge], labels: series };
    return new BatchTemplate({
      producer,
      samples: series.length,
      told: bodyOf({ ...fields, table }),
      bare: bodyOf(fields),
      known: { is: false },
    });
  }

  get body(): Uint8Array<ArrayBuffer> {
    return this.#body.bytes;
  }

  clone(): BatchTemplate {
    const { told, bare } = this.#parts;
    return new BatchTemplate({ ...this.#parts, told: copyOf(told), bare: copyOf(bare) });
  }

  set(timestampMs: number, valueOf: (index: number) => number): void {
    const { known, producer, samples } = this.#parts;
    this.#isBare = known.is;
    producer.sequence += 1;
    const { view, sequenceAt, timeAt, valuesAt } = this.#body;
    view.setBigUint64(sequenceAt, BigInt(producer.sequence));
    view.setBigInt64(timeAt, BigInt(timestampMs) * US_PER_MS, true);
    for (let i = 0; i < samples; i += 1) view.setFloat64(valuesAt + 8 * i, valueOf(i), true);
  }

  acknowledged(): void {
    if (!this.#isBare) this.#parts.known.is = true;
  }

  refused(status: number): boolean {
    if (status !== UNKNOWN_SESSION || !this.#isBare) return false;
    const { told, bare, known, samples } = this.#parts;
    known.is = false;
    this.#isBare = false;
    const { bytes } = bare;
    told.bytes.set(bytes.subarray(bare.sequenceAt, bare.sequenceAt + 8), told.sequenceAt);
    told.bytes.set(bytes.subarray(bare.timeAt, bare.timeAt + 8), told.timeAt);
    told.bytes.set(bytes.subarray(bare.valuesAt, bare.valuesAt + 8 * samples), told.valuesAt);
    return true;
  }

  get #body(): Body {
    return this.#isBare ? this.#parts.bare : this.#parts.told;
  }
}

function bodyOf(fields: BatchFields): Body {
  const bytes = Uint8Array.from(encodeBatch(fields));
  const { timesAt, valuesAt } = decodeBatch(bytes).columns;
  const key = Buffer.from(bytes.buffer).indexOf('sequence');
  const sequenceAt = key + 'sequence'.length + 1;
  return { bytes, view: new DataView(bytes.buffer), sequenceAt, timeAt: timesAt, valuesAt };
}

function copyOf(body: Body): Body {
  const bytes = body.bytes.slice();
  return { ...body, bytes, view: new DataView(bytes.buffer) };
}
