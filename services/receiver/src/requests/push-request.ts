import { SampleFlag, SampleKind, type TimeUs } from '@millrace/model';
import type { PushSample, PushSink, RejectReason } from '@millrace/wire';
import type { ArrivalClock } from './arrival-clock.ts';
import type { RedrivenSample } from './redriven-sample.ts';
import type { RequestDraft } from './request-draft.ts';
import type { SeriesByLabels } from '../series/series-by-labels.ts';

/** Takes a push request (JSON, NDJSON, MessagePack) from the decoder into a draft. */
export class PushRequest implements PushSink {
  readonly #draft: RequestDraft;
  readonly #series: SeriesByLabels;
  readonly #arrivals: ArrivalClock;
  readonly #receivedAtUs: TimeUs;

  constructor(
    params: Readonly<{
      draft: RequestDraft;
      series: SeriesByLabels;
      arrivals: ArrivalClock;
      receivedAtUs: TimeUs;
    }>,
  ) {
    this.#draft = params.draft;
    this.#series = params.series;
    this.#arrivals = params.arrivals;
    this.#receivedAtUs = params.receivedAtUs;
  }

  sample(ordinal: number, sample: PushSample): void {
    const series = this.#series.of(sample.labels);
    const { kind, id } = sample;
    const untimed = sample.timeUs === undefined;
    const timeUs = sample.timeUs ?? this.#arrivals.untimedUs(this.#receivedAtUs, sample.kind);
    if (kind === SampleKind.event ? id === undefined : untimed) {
      this.#draft.samplesAreIdentified = false;
    }
    const beside = id === undefined ? undefined : { id };
    if (sample.refusal !== undefined) {
      this.#draft.refuse(ordinal, series, kind, sample.refusal, beside);
      return;
    }
    const flags = untimed ? SampleFlag.untimed : 0;
    this.#draft.sample(ordinal, series, kind, timeUs, sample.value, flags, beside);
  }

  /** A dead letter that comes again: with all that a sample can have. */
  redriven(
    ordinal: number,
    { labels, kind, timeUs, value, isStale, histogram }: RedrivenSample,
  ): void {
    const series = this.#series.of(labels);
    const flags = isStale ? SampleFlag.stale : 0;
    const beside = histogram === undefined ? undefined : { histogram };
    this.#draft.sample(ordinal, series, kind, timeUs, value, flags, beside);
  }

  reject(ordinal: number, reason: RejectReason, detail: string): void {
    this.#draft.reject(reason, ordinal, () => detail);
  }
}
