import { METRIC_NAME_LABEL, SAMPLE_KIND_NAMES, type SampleKindName } from '@millrace/model';
import { parseSelector, type Matcher } from '@millrace/rules';
import {
  DecodeError,
  decodePush,
  REJECT_REASONS,
  type PushSample,
  type RejectReason,
} from '@millrace/wire';

/** A sample as a person wrote it on the command line, as the receiver reads it. */
export type ReadSample = AdmittedSample | RefusedSample;

export interface AdmittedSample extends Pick<PushSample, 'labels' | 'timeUs'> {
  isRefused: false;
  kind: SampleKindName;
}

/** What the receiver says to such a sample; nothing of it reaches the log. */
export interface RefusedSample {
  isRefused: true;
  reason: RejectReason;
  detail: string;
  remedy: string;
}

/** The argument is no sample at all. */
export class SampleArgumentError extends Error {}

const FORMS = `Write it as 'http_requests_total{method="GET"} 3', or as POST /v1/events takes it.`;

/**
 * Reads `name{label="value"} [value [time]]` (time as RFC 3339 or Unix milliseconds) or a JSON
 * object as `POST /v1/events` takes it, under the receiver's own limits.
 *
 * @throws SampleArgumentError when it is neither.
 */
export function readSampleArgument(text: string): ReadSample {
  const isJson = /^\s*\{\s*(?:"[^"\\]*"\s*:|\}\s*$)/.test(text);
  const read = decode(isJson ? text : jsonOf(text));
  // The text form does not say what its values mean, as remote write 1.0 does not.
  return isJson || read.isRefused ? read : { ...read, kind: 'unknown' };
}

function decode(json: string): ReadSample {
  const read: ReadSample[] = [];
  try {
    decodePush(Buffer.from(json), 'json', {
      sample: (_ordinal, { labels, timeUs, kind, refusal }) => {
        if (refusal !== undefined) read.push(refusedFor(refusal.reason, refusal.detail));
        else read.push({ isRefused: false, labels, timeUs, kind: SAMPLE_KIND_NAMES[kind]! });
      },
      reject: (_ordinal, reason, detail) => read.push(refusedFor(reason, detail)),
    });
  } catch (error) {
    if (error instanceof DecodeError) throw new SampleArgumentError(`${error.detail}. ${FORMS}`);
    throw error;
  }
  const [first] = read;
  if (first !== undefined && read.length === 1) return first;
  throw new SampleArgumentError(`there are ${read.length} samples in it. Explain one at a time.`);
}

export function refusedFor(reason: RejectReason, detail: string): RefusedSample {
  return { isRefused: true, reason, detail, remedy: REJECT_REASONS[reason].remedy };
}

/** The text form as the JSON that says the same. */
function jsonOf(text: string): string {
  const [series, rest] = splitSeries(text.trim());
  const [value = '0', time, more] = rest.trim().split(/\s+/).filter(Boolean);
  if (more !== undefined) {
    throw new SampleArgumentError(`behind value and time there is ${quoted(more)}. ${FORMS}`);
  }
  const { name, labels } = labelsOf(series);
  return JSON.stringify({
    ...(name === undefined ? {} : { name }),
    labels,
    value: valueOf(value),
    ...(time === undefined ? {} : { time: /^[+-]?\d+(\.\d+)?$/.test(time) ? Number(time) : time }),
  });
}

function splitSeries(text: string): [series: string, rest: string] {
  const braceAt = text.lastIndexOf('}');
  const at = braceAt >= 0 ? braceAt + 1 : text.search(/\s|$/);
  return [text.slice(0, at), text.slice(at)];
}

/** JSON has no words for what is no finite number; the text form writes them in many ways. */
function valueOf(text: string): number | string {
  const word = /^([+-]?)(nan|inf|infinity)$/i.exec(text);
  if (word !== null) return /^n/i.test(word[2]!) ? 'NaN' : `${word[1] === '-' ? '-' : '+'}Inf`;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

function labelsOf(series: string): { name: string | undefined; labels: Record<string, string> } {
  const parsed = parseSelector(series);
  if (!parsed.ok) {
    const { column, message } = parsed.fault;
    throw new SampleArgumentError(`column ${column}: ${message} ${FORMS}`);
  }
  const { matchers } = parsed.selector;
  // Without a prototype, or a label named __proto__ would be lost.
  const labels = Object.create(null) as Record<string, string>;
  let name: string | undefined;
  for (const { name: label, value } of matchers) {
    if (label === METRIC_NAME_LABEL) name = value;
    else labels[label] = value;
  }
  checkMatchers(matchers);
  return { name, labels };
}

function checkMatchers(matchers: readonly Matcher[]): void {
  const names = matchers.map(({ name }) => name);
  const wrong = matchers.find(({ operator }) => operator !== '=');
  if (wrong !== undefined) {
    const message = `${wrong.name}${wrong.operator} is for selectors; a sample has ${wrong.name}=`;
    throw new SampleArgumentError(`${message}"…".`);
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new SampleArgumentError(`the label ${twice} stands there twice.`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
