import assert from 'node:assert/strict';
import { decodeManifest, encodeManifest, parseListing } from '@millrace/archive/testing';
import type { ArchivedRange } from '@millrace/archive/testing';
import type { RangeManifest } from '@millrace/archive';
import { MillraceError } from '@millrace/runtime';
import { TOPIC_EVENTS } from '@millrace/stream';
import * as fc from 'fast-check';
import type { FuzzTarget } from '../fuzz-target.ts';

const RANGE: ArchivedRange = {
  ...{ topic: TOPIC_EVENTS, partition: 3, logId: 'a1b2c3d4e5f60718293a4b5c6d7e8f90' },
  ...{ from: 100, to: 250, name: 'the manifest' },
};

const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const span = fc.record({ min: fc.integer(), max: fc.integer() }, { noNullPrototype: true });
const manifest = fc.record(
  {
    format: fc.constant(1 as const),
    topic: fc.constant(RANGE.topic),
    partition: fc.constant(RANGE.partition),
    logId: fc.constant(RANGE.logId),
    from: fc.constant(RANGE.from),
    to: fc.constant(RANGE.to),
    previousSha256: fc.option(digest),
    lastSha256: digest,
    appendTimeUs: span,
    sampleTimeUs: fc.option(span),
    samples: fc.maxSafeNat(),
    payloadBytes: fc.maxSafeNat(),
    records: fc.record(
      { file: fc.string(), bytes: fc.maxSafeNat(), sha256: digest },
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
);

/** What says of a file of the archive what it must be. */
export const archiveManifest: FuzzTarget = {
  name: 'archive-manifest',
  read: (bytes) => decodeManifest(bytes, RANGE, 'an archive'),
  isRefusal: (error) => error instanceof MillraceError && error.code === 'ARCHIVE_DAMAGED',
  sound: manifest.map((one: RangeManifest) => ({
    bytes: encodeManifest(one),
    check: (read) => assert.deepStrictEqual(read, one),
  })),
  agree: (_, outcome) => {
    if ('refusal' in outcome) return;
    const read = outcome.value as RangeManifest;
    assert.deepStrictEqual(decodeManifest(encodeManifest(read), RANGE, 'an archive'), read);
  },
  memory: { perByte: 100, fixedBytes: 2 * 1024 ** 2 },
  runs: 2000,
};

const key = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (one) => `&#${one.codePointAt(0)};`);
const listing = fc.record({
  files: fc.array(fc.record({ name: key, bytes: fc.maxSafeNat() }, { noNullPrototype: true }), {
    maxLength: 10,
  }),
  folders: fc.array(key, { maxLength: 4 }),
  next: fc.option(key, { nil: undefined }),
});

/** What an object store answers to a wish for a list. */
export const s3Listing: FuzzTarget = {
  name: 's3-listing',
  read: (bytes) => parseListing(Buffer.from(bytes).toString('utf8')),
  isRefusal: (error) => error instanceof Error && error.constructor === Error,
  sound: listing.map(({ files, folders, next }) => {
    const blocks = [
      ...files.map(({ name, bytes }) => {
        return `<Contents><Key>${escaped(name)}</Key><Size>${bytes}</Size></Contents>`;
      }),
      ...folders.map((one) => `<CommonPrefixes><Prefix>${escaped(one)}</Prefix></CommonPrefixes>`),
      `<IsTruncated>${next !== undefined}</IsTruncated>`,
      next === undefined ? '' : `<NextContinuationToken>${escaped(next)}</NextContinuationToken>`,
    ];
    const text = `<?xml version="1.0"?><ListBucketResult>${blocks.join('')}</ListBucketResult>`;
    return {
      bytes: new Uint8Array(Buffer.from(text)),
      check: (read) => assert.deepStrictEqual(read, { files, folders, next }),
    };
  }),
  words: ['<Contents>', '</Contents>', '<Key>', '&amp;', '&#x41;', '&#9999999999;'].map(
    (one) => new Uint8Array(Buffer.from(one)),
  ),
  memory: { perByte: 200, fixedBytes: 2 * 1024 ** 2 },
  runs: 2000,
};
