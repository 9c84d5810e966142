import { isUtf8 } from 'node:buffer';
import { SAMPLE_KIND_NAMES, type LabelSet, type SampleKind, type TimeUs } from '@millrace/model';
import { canonicalLabels, DecodeError } from '@millrace/wire';

/** What `POST /api/v1/redrive` takes: one dead letter, as JSON. */
export interface RedriveBody {
  /** With `__name__`. */
  labels: Record<string, string>;
  kind: string;
  timeUs: number;
  /** As text: JSON has neither NaN nor a negative zero for everybody. */
  value: string;
  stale?: boolean;
  /** Canonical bytes of a native histogram, as hex. */
  histogram?: string;
}

export interface RedrivenSample {
  labels: LabelSet;
  kind: SampleKind;
  timeUs: TimeUs;
  value: number;
  isStale: boolean;
  histogram: Uint8Array | undefined;
}

const VALUE = /^(?:-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Infinity)|NaN)$/;
const HEX = /^(?:[0-9a-f]{2})+$/;

/** @throws DecodeError `malformed_json`. */
export function readRedrivenSample(bytes: Uint8Array): RedrivenSample {
  const { labels, kind, timeUs, value, stale = false, histogram } = objectIn(bytes);
  const kindNumber = SAMPLE_KIND_NAMES.findIndex((name) => name === kind);
  if (kindNumber < 0) throw malformed('kind is none that a sample can have');
  if (typeof timeUs !== 'number') throw malformed('timeUs is not a number');
  if (typeof value !== 'string' || !VALUE.test(value))
    throw malformed('value is no number as text');
  if (typeof stale !== 'boolean') throw malformed('stale is not true or false');
  if (histogram !== undefined && (typeof histogram !== 'string' || !HEX.test(histogram))) {
    throw malformed('histogram is not hex');
  }
  return {
    labels: labelsOf(labels),
    kind: kindNumber as SampleKind,
    timeUs,
    value: stale ? NaN : Number(value),
    isStale: stale,
    histogram: histogram === undefined ? undefined : new Uint8Array(Buffer.from(histogram, 'hex')),
  };
}

function objectIn(bytes: Uint8Array): Partial<Record<keyof RedriveBody, unknown>> {
  if (!isUtf8(bytes)) throw new DecodeError('invalid_utf8', 'the body is not UTF-8');
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new DecodeError('malformed_json', 'the body is not JSON', error);
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw malformed('it is not an object');
}

function labelsOf(labels: unknown): LabelSet {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw malformed('labels is not an object');
  }
  return canonicalLabels(
    Object.entries(labels).map(([name, value]): [string, string] => {
      if (typeof value !== 'string')
        throw malformed(`the label ${JSON.stringify(name)} is no text`);
      return [name, value];
    }),
  );
}

function malformed(detail: string): DecodeError {
  return new DecodeError('malformed_json', detail);
}
