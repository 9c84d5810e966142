import {
  Decoder,
  decodeTimestampToTimeSpec,
  EXT_TIMESTAMP,
  ExtensionCodec,
} from '@msgpack/msgpack';
import { DecodeError } from '../samples/decode-error.ts';
import { MsgpackScanner } from './msgpack-scanner.ts';
import type { PushLimits } from './push-limits.ts';
import type { PushSink } from './push-sink.ts';
import type { ObjectForm } from './read-sample.ts';
import { SampleTeller } from './sample-teller.ts';
import { UnixTime } from './unix-time.ts';

/**
 * The library refuses the key `__proto__`, which is a legal label name. So it gets a mark in
 * front, and so does whatever that mark would make it look like.
 */
const PROTO = /^\$*__proto__$/;
const MSGPACK_FORM: ObjectForm = {
  keyOf: (property) => (PROTO.test(property) ? property.slice(1) : property),
  infinities: true,
};

/** A sample, an array of samples, or `{samples: […]}`. When a key occurs twice, the last wins. */
export function decodeMsgpack(body: Uint8Array, sink: PushSink, limits: PushLimits): void {
  const scanner = new MsgpackScanner(body, limits.depthMax);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const decoder = createDecoder(limits);
  const teller = new SampleTeller(sink, MSGPACK_FORM, limits);
  const tell = (): void => {
    const start = scanner.at;
    scanner.skip();
    if (!teller.admitBytes(scanner.at - start)) return;
    teller.tell(decodeOne(decoder, scanner, bytes.subarray(start, scanner.at)));
  };
  if (body.length > 0) {
    const samples = scanner.array() ?? enterSamples(scanner, bytes);
    if (samples === undefined) tell();
    else for (let left = samples; left > 0; left -= 1) tell();
  }
  if (scanner.at < body.length) throw scanner.malformed('there is more behind the value');
  teller.finish();
}

/** The text "samples" in its shortest form. */
const SAMPLES_KEY = '\xa7samples';

/** Passes the head of `{samples: […]}` and returns the array's length; otherwise moves nothing. */
function enterSamples(scanner: MsgpackScanner, bytes: Buffer): number | undefined {
  const start = scanner.at;
  const pairs = scanner.map() ?? 0;
  let samplesAt = 0;
  for (let left = pairs; left > 0; left -= 1) {
    const keyAt = scanner.at;
    scanner.skip();
    if (bytes.toString('latin1', keyAt, scanner.at) === SAMPLES_KEY) {
      samplesAt = scanner.at;
      break;
    }
    scanner.skip(1);
  }
  if (samplesAt === 0) {
    scanner.at = start;
    return undefined;
  }
  if (pairs > 1) throw new DecodeError('unknown_field', 'beside samples there are other fields');
  scanner.at = samplesAt;
  const length = scanner.array();
  if (length === undefined) throw new DecodeError('not_an_object', 'samples is not an array');
  return length;
}

function decodeOne(decoder: Decoder, scanner: MsgpackScanner, bytes: Buffer): unknown {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    const what = error instanceof Error ? error.message : 'the value cannot be decoded';
    throw scanner.malformed(what, error);
  }
}

function createDecoder(limits: PushLimits): Decoder {
  const extensionCodec = new ExtensionCodec();
  // The library's own would give a Date, which knows no microseconds.
  extensionCodec.register({ type: EXT_TIMESTAMP, encode: () => null, decode: decodeTimestamp });
  return new Decoder({
    extensionCodec,
    keyDecoder: {
      canBeCached: () => true,
      decode: (bytes, offset, length) => {
        // What is decoded is a Buffer, see decodeMsgpack: no view is made for each key.
        const key = (bytes as Buffer).toString('utf8', offset, offset + length);
        return PROTO.test(key) ? `$${key}` : key;
      },
    },
    mapKeyConverter: (key) => {
      if (typeof key === 'string') return key;
      throw new TypeError(`a map key is a ${typeof key}, not a string`);
    },
    maxStrLength: limits.sampleBytesMax,
    maxBinLength: limits.sampleBytesMax,
    maxArrayLength: limits.sampleBytesMax,
    maxMapLength: limits.sampleBytesMax,
    maxExtLength: limits.sampleBytesMax,
  });
}

function decodeTimestamp(data: Uint8Array): UnixTime {
  const { sec, nsec } = decodeTimestampToTimeSpec(data);
  return new UnixTime(sec * 1_000_000 + Math.floor(nsec / 1000));
}
