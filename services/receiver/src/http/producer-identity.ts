import type { ProducerIdentity } from '../requests/identity.ts';
import { headerOf, type HttpRequest } from './http-exchange.ts';
import { RequestError } from './problem.ts';

/**
 * What the headers say of the request's identity: `Idempotency-Key`, else `Millrace-Producer`
 * with `Millrace-Sequence`. Half an identity is refused, because its sender believes that
 * retries are recognised.
 */
export function producerIdentity(
  request: HttpRequest,
  keyBytesMax: number,
): ProducerIdentity | undefined {
  const key = boundedHeader(request, 'idempotency-key', keyBytesMax);
  if (key !== undefined) return { kind: 'key', key };
  const producer = boundedHeader(request, 'millrace-producer', keyBytesMax);
  const sequence = headerOf(request, 'millrace-sequence');
  if (producer === undefined && sequence === undefined) return undefined;
  if (producer === undefined || sequence === undefined) {
    const missing = producer === undefined ? 'Millrace-Producer' : 'Millrace-Sequence';
    throw invalidIdentity(`the header ${missing} is missing beside its partner`);
  }
  if (!/^\d{1,15}$/.test(sequence)) {
    throw invalidIdentity('Millrace-Sequence is not a whole number of at most 15 digits');
  }
  return { kind: 'sequence', producer, sequence: Number(sequence) };
}

function boundedHeader(request: HttpRequest, name: string, bytesMax: number): string | undefined {
  const value = headerOf(request, name);
  if (value === undefined) return undefined;
  if (value === '') throw invalidIdentity(`the header ${name} is empty`);
  // Node hands header bytes on as Latin-1, one character each.
  if (value.length > bytesMax) {
    throw invalidIdentity(`the header ${name} has more than ${bytesMax} bytes`);
  }
  return value;
}

function invalidIdentity(detail: string): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_identity',
    title: 'The identity of the request cannot be used',
    detail,
    remedy:
      'Send Idempotency-Key with a text unique to this request, or Millrace-Producer with ' +
      'Millrace-Sequence, a number that counts up; or leave all of them out.',
  });
}
