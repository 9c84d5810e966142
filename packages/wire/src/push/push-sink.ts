import type { Label, SampleKind, TimeUs } from '@millrace/model';
import type { Rejection } from '../samples/check-labels.ts';
import type { RejectReason } from '../samples/reject-reasons.ts';

/** One sample of a push request, checked against the limits. */
export interface PushSample {
  name: string;
  /** Sorted by bytes, `__name__` included, none empty. */
  labels: Label[];
  value: number;
  /** Undefined when the producer gave no time. */
  timeUs: TimeUs | undefined;
  kind: SampleKind;
  id: string | undefined;
  /**
   * Why it is not taken, although all of it could be read. Such a sample is measured as those that
   * are taken: releases that did take it must have cut the request at the same places.
   */
  refusal: Rejection | undefined;
}

/**
 * Is told of every sample of a request once, in order: `ordinal` counts from 0. When the decoder
 * throws, all that was told before belongs to a refused request and must be forgotten.
 */
export interface PushSink {
  sample(ordinal: number, sample: PushSample): void;
  /** `detail` is an English clause that names the field and, bounded in length, what it held. */
  reject(ordinal: number, reason: RejectReason, detail: string): void;
}

export type PushFormat = 'json' | 'ndjson' | 'msgpack';
