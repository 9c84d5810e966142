import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../samples/decode-error.ts';
import { TextCache } from './text-cache.ts';

/** Names and values that other series had as well, of whichever request. */
const texts = new TextCache(strictText);

/**
 * A name or value of a label that a producer sent, at bytes[start, end).
 *
 * @throws DecodeError `invalid_utf8`.
 */
export function labelText(bytes: Uint8Array, start: number, end: number): string {
  return texts.of(bytes, start, end);
}

/** Text that identifies a series: two invalid ones must not become the same. */
function strictText(bytes: Uint8Array, start: number, end: number): string {
  const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  if (isUtf8(part)) return part.toString('utf8');
  const shown = JSON.stringify(part.subarray(0, 48).toString('latin1'));
  throw new DecodeError('invalid_utf8', `a label holds ${shown} (shown as Latin-1)`);
}
