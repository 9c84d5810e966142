import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../samples/decode-error.ts';
import { checkNotGzip } from './check-not-gzip.ts';
import { jsonFault } from './json-fault.ts';
import {
  eachElement,
  eachMember,
  isArrayAt,
  isObjectAt,
  malformedJson,
  skipSpace,
  skipValue,
} from './json-scanner.ts';
import type { PushLimits } from './push-limits.ts';
import type { PushSink } from './push-sink.ts';
import type { ObjectForm } from './read-sample.ts';
import { SampleTeller } from './sample-teller.ts';

export const JSON_FORM: ObjectForm = { keyOf: (property) => property, infinities: false };

/** A sample, an array of samples, or `{"samples": […]}`. When a key occurs twice, the last wins. */
export function decodeJson(body: Uint8Array, sink: PushSink, limits: PushLimits): void {
  checkNotGzip(body);
  if (!isUtf8(body)) throw new DecodeError('invalid_utf8', 'the body is not UTF-8');
  const end = body.length;
  const start = skipSpace(body, skipByteOrderMark(body), end);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const teller = new SampleTeller(sink, JSON_FORM, limits);
  const tell = (from: number, to: number): void => {
    if (teller.admitBytes(to - from)) teller.tell(parse(text, from, to));
  };
  let next = end;
  if (isArrayAt(body, start)) {
    next = eachElement(body, start, end, limits.depthMax, tell);
  } else if (isObjectAt(body, start)) {
    const samples = findSamples(body, start, end, limits.depthMax);
    next = samples.end;
    if (samples.start === undefined) tell(start, next);
    else eachElement(body, samples.start, end, limits.depthMax, tell);
  } else if (start < end) {
    next = skipValue(body, start, end, limits.depthMax);
    tell(start, next);
  }
  next = skipSpace(body, next, end);
  if (next < end) throw malformedJson('there is more behind the JSON value', next);
  teller.finish();
}

/** Where the array of `{"samples": […]}` starts, if it is one, and where the object ends. */
function findSamples(
  body: Uint8Array,
  at: number,
  end: number,
  depthMax: number,
): { start: number | undefined; end: number } {
  let start: number | undefined;
  let others = 0;
  const key = Buffer.from('"samples"');
  const objectEnd = eachMember(body, at, end, depthMax + 1, (keyStart, valueStart) => {
    if (Buffer.compare(body.subarray(keyStart, keyStart + key.length), key) !== 0) others += 1;
    else if (start === undefined) start = valueStart;
    else throw malformedJson('samples occurs twice', keyStart);
  });
  if (start === undefined) return { start, end: objectEnd };
  if (others > 0) {
    throw new DecodeError('unknown_field', 'beside samples there are other fields');
  }
  if (!isArrayAt(body, start)) throw new DecodeError('not_an_object', 'samples is not an array');
  return { start, end: objectEnd };
}

/** UTF-8 needs no byte order mark, yet some editors write one. */
export function skipByteOrderMark(body: Uint8Array): number {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
}

function parse(bytes: Buffer, start: number, end: number): unknown {
  const text = bytes.toString('utf8', start, end);
  try {
    return JSON.parse(text);
  } catch (error) {
    const { what, atByte } = jsonFault(text, error);
    if (atByte !== undefined) throw malformedJson(what, start + atByte, error);
    // It says nothing of where that lies in the body, or counts from the sample's beginning.
    const detail = `${what}, in the sample that begins at byte ${start}`;
    throw new DecodeError('malformed_json', detail, error);
  }
}
