import { expect, it } from 'vitest';
import { parseS3Address } from './s3-address.ts';

const parse = (text: string) => parseS3Address(new URL(text));

it('tells bucket, prefix and endpoint', () => {
  expect(parse('s3://b/a/b%20c/?endpoint=https%3A%2F%2Fhost%3A9000')).toEqual({
    ...{ bucket: 'b', prefix: 'a/b c/', endpoint: 'https://host:9000' },
  });
  expect(parse('s3://b')).toEqual({ bucket: 'b', prefix: '', endpoint: undefined });
});

it.each([
  ['s3:///p', /names no bucket/],
  ['s3://key:secret@b/p', /must not hold keys/],
  ['s3://b/p?endpoint=https://key:secret@host', /must not hold keys/],
  ['s3://b/p?endpoint=https://key:secret@host/path', /must not hold keys/],
  ['s3://b/p?endpoint=key:secret', /not like https:/],
  ['s3://b/p?endpoint=https://', /no URL/],
  ['s3://b/p?region=x', /unknown parameter, region/],
  ['s3://b/100%zz', /a prefix with a %/],
  ['s3://b/..%2F..%2Fother', /\. or \.\./],
])('refuses %s, and repeats no secret', (text, message) => {
  const told = (): unknown => parse(text);
  const refused = { code: 'ARCHIVE_ADDRESS', message: expect.stringMatching(message) as string };
  expect(told).toThrow(expect.objectContaining(refused));
  if (/no keys|must not/.test(message.source)) expect(told).not.toThrow(/secret/);
});
