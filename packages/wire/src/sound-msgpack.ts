import { decode } from '@msgpack/msgpack';
import { DecodeError } from './decode-error.ts';
import { MsgpackScanner } from './push/msgpack-scanner.ts';

/** Deeper than any record: rules within generations within a header. */
export const DEPTH_MAX = 32;

/**
 * Decodes MessagePack that may be damaged. The library makes room for whatever an array or a map
 * claims to hold: nine bytes that lie would take gigabytes, and a few such within one another the
 * whole memory. So nothing is decoded before all lengths in it were compared with what is there.
 *
 * @throws RangeError when it is cut off, lies about a length, or lies too deep.
 */
export function decodeSoundMsgpack(bytes: Uint8Array): unknown {
  // Never as a Buffer: its `slice` does not copy, and neither would that of the columns.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    new MsgpackScanner(plain, DEPTH_MAX, 'any text').skip();
  } catch (error) {
    // What the scanner says is meant for senders of requests.
    throw new RangeError(error instanceof DecodeError ? error.detail : String(error));
  }
  return decode(plain);
}
