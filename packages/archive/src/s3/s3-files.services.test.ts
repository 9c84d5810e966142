import { randomBytes } from 'node:crypto';
import { freePort, reportMissing } from '@millrace/runtime/testing';
import { describe, expect, inject, test } from 'vitest';
import type { ArchiveFiles } from '../archive-files.ts';
import { openArchiveFiles } from '../open-archive-files.ts';
import { testArchiveFiles } from '../testing/archive-files-contract.testsuite.ts';
import { openS3Files } from './s3-files.ts';
import { makeBucket, type S3Access } from './testing/s3-server.ts';

const s3 = inject('s3');
if ('missing' in s3) reportMissing(s3.missing);

describe.skipIf('missing' in s3)('S3', () => {
  const bucketed = async (): Promise<S3Access> => {
    if ('missing' in s3) throw new Error('skipped');
    return await makeBucket(s3.url, `test-${randomBytes(8).toString('hex')}`);
  };
  const open = async (access: S3Access): Promise<ArchiveFiles> => (await openArchiveFiles(access))!;

  testArchiveFiles('S3', async () => {
    const access = await bucketed();
    // So that a short list has many pages.
    const files = openS3Files(new URL(access.url), access, { pageFilesMax: 3 });
    return { files, dispose: async () => undefined };
  });

  test('says what is wrong with keys and buckets, which a person has to change', async () => {
    const access = await bucketed();
    const cases: [Partial<S3Access>, RegExp][] = [
      [{ secretAccessKey: 'wrong' }, /SignatureDoesNotMatch/],
      [{ accessKeyId: 'nobody' }, /refuses: \w+/],
      [{ url: access.url.replace(/test-\w+/, 'no-such-bucket') }, /NoSuchBucket/],
    ];
    for (const [change, message] of cases) {
      const files = await open({ ...access, ...change });
      const refused = { code: 'ARCHIVE_REFUSED', kind: 'permanent' };
      const saying = { ...refused, message: expect.stringMatching(message) as string };
      await expect(files.put('a', Uint8Array.of(1))).rejects.toMatchObject(saying);
      await expect(files.get('a')).rejects.toMatchObject(saying);
      await expect(files.folders('a/')).rejects.toMatchObject(saying);
    }
  });

  test('one that is not there is asked again later', async () => {
    const access = await bucketed();
    const url = access.url.replace(/%3A\d+$/, `%3A${await freePort()}`);
    const files = await open({ ...access, url });
    await expect(files.get('a')).rejects.toMatchObject({
      ...{ code: 'ARCHIVE_UNREACHABLE', kind: 'transient' },
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });
});
