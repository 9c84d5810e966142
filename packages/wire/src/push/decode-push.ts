import { decodeJson } from './decode-json.ts';
import { decodeMsgpack } from './decode-msgpack.ts';
import { decodeNdjson } from './decode-ndjson.ts';
import { DEFAULT_PUSH_LIMITS, type PushLimits } from './push-limits.ts';
import type { PushFormat, PushSink } from './push-sink.ts';

/**
 * Decodes the (uncompressed) body of a push request and tells the sink of every sample in it, as
 * accepted by the limits or as rejected with its reason.
 *
 * @throws DecodeError when the request cannot be read as a whole, or holds no sample.
 */
export function decodePush(
  body: Uint8Array,
  format: PushFormat,
  sink: PushSink,
  limits: Readonly<Partial<PushLimits>> = {},
): void {
  const bounds: PushLimits = { ...DEFAULT_PUSH_LIMITS, ...limits };
  switch (format) {
    case 'json':
      decodeJson(body, sink, bounds);
      return;
    case 'ndjson':
      decodeNdjson(body, sink, bounds);
      return;
    case 'msgpack':
      decodeMsgpack(body, sink, bounds);
      return;
  }
}
