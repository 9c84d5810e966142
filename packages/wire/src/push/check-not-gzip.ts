import { DecodeError } from '../samples/decode-error.ts';

/**
 * Text cannot begin like that, so what does was compressed by a sender that does not say so, and
 * "not UTF-8" would send people looking for umlauts.
 *
 * @throws DecodeError `unsupported_encoding`.
 */
export function checkNotGzip(body: Uint8Array): void {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return;
  const detail = 'the body is gzip, and the header "Content-Encoding: gzip" is missing';
  throw new DecodeError('unsupported_encoding', detail);
}
