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
  if (samplesAreIdentified) return identity('digest', [tenant, 'digest', body]);
  return { kind: IdentityKind.none, name: 'none', bytes: new Uint8Array(0) };
}

/** SHA-256 over the fields, each behind its length, so that no two lists of fields run together. */
function identity(
  name: Exclude<IdentityKindName, 'none'>,
  fields: readonly (string | Uint8Array)[],
): RequestIdentity {
  const hash = createHash('sha256');
  for (const field of fields) {
    const bytes = typeof field === 'string' ? Buffer.from(field, 'utf8') : field;
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(bytes.length);
    hash.update(length).update(bytes);
  }
  const bytes = new Uint8Array(hash.digest().subarray(0, IDENTITY_BYTES));
  return { kind: IdentityKind[name], name, bytes };
}
