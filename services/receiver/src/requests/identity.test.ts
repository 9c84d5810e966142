import { expect, it } from 'vitest';
import { requestIdentity, type ProducerIdentity } from './identity.ts';

const body = Buffer.from('body');
function identityOf(
  producer: ProducerIdentity | undefined,
  changes: Partial<Parameters<typeof requestIdentity>[0]> = {},
) {
  const given = { tenant: 'default', producer, samplesAreIdentified: true, body, ...changes };
  const { name, bytes } = requestIdentity(given);
  return { name, bytes: Buffer.from(bytes).toString('hex') };
}

it('takes the key, else producer and sequence, else the digest, else nothing', () => {
  expect(identityOf({ kind: 'key', key: 'k' }).name).toBe('key');
  expect(identityOf({ kind: 'sequence', producer: 'p', sequence: 1 }).name).toBe('sequence');
  expect(identityOf(undefined).name).toBe('digest');
  const none = identityOf(undefined, { samplesAreIdentified: false });
  expect(none).toEqual({ name: 'none', bytes: '' });
});

it('depends on nothing but the key when there is one', () => {
  const first = identityOf({ kind: 'key', key: 'k' });
  const changes = { body: Buffer.from('other'), samplesAreIdentified: false };
  expect(identityOf({ kind: 'key', key: 'k' }, changes)).toEqual(first);
});

it('tells apart what differs in any field', () => {
  const identities = [
    identityOf({ kind: 'key', key: 'k' }),
    identityOf({ kind: 'key', key: 'k2' }),
    identityOf({ kind: 'key', key: 'k' }, { tenant: 'other' }),
    identityOf({ kind: 'sequence', producer: 'k', sequence: 1 }),
    identityOf({ kind: 'sequence', producer: 'k1', sequence: 1 }),
    identityOf({ kind: 'sequence', producer: 'k', sequence: 11 }),
    identityOf(undefined),
    identityOf(undefined, { body: Buffer.from('k') }),
    identityOf(undefined, { tenant: 'defaultbody', body: Buffer.from('') }),
  ].map(({ bytes }) => bytes);
  expect(new Set(identities).size).toBe(identities.length);
  for (const bytes of identities) expect(bytes).toHaveLength(32);
});
