import { decode } from '@msgpack/msgpack';
import { DecodeError } from '../samples/decode-error.ts';
import { MsgpackScanner } from '../push/msgpack-scanner.ts';

/** Deeper than any record: rules within generations within a header. */
export const DEPTH_MAX = 32;

/**
 * Decodes MessagePack that may be damaged. The library makes room for whatever an array or a map
 * claims to hold: nine bytes that lie would take gigabytes, and a few such within one another the
 * whole memory. So nothing is decoded before all lengths in it were compared with what is there.
 *
 * @throws RangeError when it is cut off, lies about a length, lies too deep, or goes on behind the
 *   value; what the library throws when a map has a key, or an extension a form, that it does not
 *   know.
 */
export function decodeSoundMsgpack(bytes: Uint8Array): unknown {
  const plain = plainBytes(bytes);
  soundLength(plain);
  return decode(plain);
}

/**
 * The first value in the bytes, and how many of them it takes; others may follow.
 *
 * @throws as `decodeSoundMsgpack`.
 */
export function decodeFirstMsgpack(bytes: Uint8Array): { value: unknown; length: number } {
  const plain = plainBytes(bytes);
  const length = soundLength(plain);
  return { value: decode(plain.subarray(0, length)), length };
}

/** Never as a Buffer: its `slice` does not copy, and neither would that of the columns. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** How many bytes the first value takes. */
function soundLength(bytes: Uint8Array): number {
  const scanner = new MsgpackScanner(bytes, DEPTH_MAX, 'any text');
  try {
    scanner.skip();
  } catch (error) {
    // What the scanner says is meant for senders of requests.
    throw new RangeError(error instanceof DecodeError ? error.detail : String(error));
  }
  return scanner.at;
}
