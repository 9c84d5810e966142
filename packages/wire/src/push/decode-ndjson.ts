import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../samples/decode-error.ts';
import { checkNotGzip } from './check-not-gzip.ts';
import { JSON_FORM, skipByteOrderMark } from './decode-json.ts';
import { jsonFault } from './json-fault.ts';
import { skipSpace, skipValue } from './json-scanner.ts';
import type { PushLimits } from './push-limits.ts';
import type { PushSink } from './push-sink.ts';
import { SampleTeller } from './sample-teller.ts';

const NEWLINE = 0x0a;

/** One sample a line. A line that cannot be read is one rejected sample; blank ones are none. */
export function decodeNdjson(body: Uint8Array, sink: PushSink, limits: PushLimits): void {
  checkNotGzip(body);
  const teller = new SampleTeller(sink, JSON_FORM, limits);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const allUtf8 = isUtf8(body);
  let at = skipByteOrderMark(body);
  for (let line = 1; at < body.length; line += 1) {
    const newline = body.indexOf(NEWLINE, at);
    const end = newline === -1 ? body.length : newline;
    const start = skipSpace(body, at, end);
    if (start < end && teller.admitBytes(end - start)) {
      tellLine(teller, text.subarray(start, end), { line, allUtf8, depthMax: limits.depthMax });
    }
    at = end + 1;
  }
  teller.finish();
}

function tellLine(
  teller: SampleTeller,
  bytes: Buffer,
  { line, allUtf8, depthMax }: Readonly<{ line: number; allUtf8: boolean; depthMax: number }>,
): void {
  if (!allUtf8 && !isUtf8(bytes)) {
    teller.reject('invalid_utf8', `line ${line} is not UTF-8`);
    return;
  }
  const text = bytes.toString('utf8');
  let raw: unknown;
  try {
    skipValue(bytes, 0, bytes.length, depthMax);
    raw = JSON.parse(text);
  } catch (error) {
    if (error instanceof DecodeError)
      teller.reject(error.reason, `${error.detail} of line ${line}`);
    else teller.reject('malformed_json', `line ${line}: ${jsonFault(text, error).what}`);
    return;
  }
  teller.tell(raw);
}
