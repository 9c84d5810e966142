import { SampleFlag, SampleKind, type Label, type TimeUs } from '@millrace/model';
import type { PushSample, PushSink, RejectReason } from '@millrace/wire';
import type { ArrivalClock } from './arrival-clock.ts';
import type { RedrivenSample } from './redriven-sample.ts';
import type { RequestDraft } from './request-draft.ts';
import { UNKNOWN_SERIES, type SeriesCache } from './series-cache.ts';
import type { SeriesNumber } from './series-table.ts';

/** Takes a push request (JSON, NDJSON, MessagePack) from the decoder into a draft. */
export class PushRequest implements PushSink {
  readonly #draft: RequestDraft;
  readonly #cache: SeriesCache;
  readonly #arrivals: ArrivalClock;
  readonly #receivedAtUs: TimeUs;
  #key: Buffer = Buffer.alloc(4096);

  constructor(
    params: Readonly<{
      draft: RequestDraft;
      cache: SeriesCache;
      arrivals: ArrivalClock;
      receivedAtUs: TimeUs;
    }>,
  ) {
    this.#draft = params.draft;
    this.#cache = params.cache;
    this.#arrivals = params.arrivals;
    this.#receivedAtUs = params.receivedAtUs;
  }

  sample(ordinal: number, sample: PushSample): void {
    const series = this.#seriesOf(sample.labels);
    const { kind, id } = sample;
    const untimed = sample.timeUs === undefined;
    const timeUs = sample.timeUs ?? this.#arrivals.untimedUs(this.#receivedAtUs);
    if (kind === SampleKind.event ? id === undefined : untimed) {
      this.#draft.samplesAreIdentified = false;
    }
    const flags = untimed ? SampleFlag.untimed : 0;
    const beside = id === undefined ? undefined : { id };
    this.#draft.sample(ordinal, series, kind, timeUs, sample.value, flags, beside);
  }

  /** A dead letter that comes again: with all that a sample can have. */
  redriven(
    ordinal: number,
    { labels, kind, timeUs, value, isStale, histogram }: RedrivenSample,
  ): void {
    const series = this.#seriesOf(labels);
    const flags = isStale ? SampleFlag.stale : 0;
    const beside = histogram === undefined ? undefined : { histogram };
    this.#draft.sample(ordinal, series, kind, timeUs, value, flags, beside);
  }

  reject(ordinal: number, reason: RejectReason, detail: string): void {
    this.#draft.reject(reason, ordinal, () => detail);
  }

  #seriesOf(labels: readonly Label[]): SeriesNumber {
    const length = this.#writeKey(labels);
    const known = this.#cache.find(this.#key, 0, length);
    return known === UNKNOWN_SERIES ? this.#cache.add(this.#key, 0, length, labels) : known;
  }

  /**
   * The bytes a series is found by: a zero, which starts no protobuf field, so that they never
   * equal those of remote write; then each text behind its length.
   */
  #writeKey(labels: readonly Label[]): number {
    let bytesMax = 1;
    for (const [name, value] of labels) bytesMax += (name.length + value.length) * 3 + 8;
    if (bytesMax > this.#key.length) this.#key = Buffer.alloc(bytesMax * 2);
    const key = this.#key;
    key[0] = 0;
    let at = 1;
    for (const label of labels) {
      for (const text of label) {
        const written = key.write(text, at + 4, 'utf8');
        key.writeUInt32LE(written, at);
        at += 4 + written;
      }
    }
    return at;
  }
}
