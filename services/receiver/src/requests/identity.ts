import { createHash } from 'node:crypto';
import { IdentityKind, type IdentityKindName } from '@millrace/wire';

/** How a retry of a request is recognised. */
export interface RequestIdentity {
  kind: IdentityKind;
  name: IdentityKindName;
  /** 16 bytes; empty when the kind is none. */
  bytes: Uint8Array;
}

/** What a producer says of its request, in headers or in a batch. */
export type ProducerIdentity =
  | Readonly<{ kind: 'key'; key: string }>
  | Readonly<{
      kind: 'sequence';
      producer: string;
      sequence: number;
      /** Of a batch: in another session the numbers begin anew. */
      session?: string;
    }>;

const IDENTITY_BYTES = 16;

/**
 * The identity of a request: the producer's own if it gave one, else the digest of its body when
 * every sample has an identity of its own, else none. Without such identities two equal bodies may
 * well be two orders of the same thing.
 *
 * Of remote write the body is the block as it was sent: a retry is the same bytes, and hashing
 * what they become would cost a tenth of the whole receiver. Who compresses anew, and otherwise,
 * has another identity; its samples are told from others by themselves all the same.
 */
export function requestIdentity(
  params: Readonly<{
    tenant: string;
    producer: ProducerIdentity | undefined;
    samplesAreIdentified: boolean;
    /** As it was sent, but for gzip. */
    body: Uint8Array;
  }>,
): RequestIdentity {
  const { tenant, producer, samplesAreIdentified, body } = params;
  if (producer?.kind === 'key') return identity('key', [tenant, 'key', producer.key]);
  if (producer?.kind === 'sequence') {
    const { producer: name, session, sequence } = producer;
    const from = session === undefined ? ['sequence', name] : ['batch', name, session];
    return identity('sequence', [tenant, ...from, String(sequence)]);
  }
  if (samplesAreIdentified) return identity('digest', [tenant, 'digest'], body);
  return { kind: IdentityKind.none, name: 'none', bytes: new Uint8Array(0) };
}

/**
 * SHA-256 over the fields, each behind its length, so that no two lists of fields run together.
 * What is short goes in at once: a call of the hash takes as long as many bytes.
 */
function identity(
  name: Exclude<IdentityKindName, 'none'>,
  texts: readonly string[],
  body?: Uint8Array,
): RequestIdentity {
  let at = 0;
  for (const text of texts) {
    const bytes = Buffer.byteLength(text);
    reserve(at + 4 + bytes + 4);
    head.writeUInt32LE(bytes, at);
    at += 4 + head.write(text, at + 4);
  }
  if (body !== undefined) at = head.writeUInt32LE(body.length, at);
  const hash = createHash('sha256').update(head.subarray(0, at));
  if (body !== undefined) hash.update(body);
  const bytes = new Uint8Array(hash.digest().subarray(0, IDENTITY_BYTES));
  return { kind: IdentityKind[name], name, bytes };
}

/** Used from request to request. */
let head = Buffer.alloc(256);

function reserve(bytes: number): void {
  if (bytes <= head.length) return;
  const larger = Buffer.alloc(2 * bytes);
  head.copy(larger);
  head = larger;
}
