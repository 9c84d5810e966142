import { randomUUID } from 'node:crypto';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkUnchanged, stampFile } from './file-stamp.ts';

it('tells that a file was changed, and refuses what cannot be read twice', async () => {
  const path = join(tmpdir(), `millrace-${randomUUID()}`);
  await writeFile(path, 'a');
  try {
    const stamp = await stampFile(path);
    await checkUnchanged(path, stamp);
    await appendFile(path, 'b');
    const code = 'BACKFILL_FILE_CHANGED';
    await expect(checkUnchanged(path, stamp)).rejects.toMatchObject({ code });
  } finally {
    await rm(path);
  }
  for (const other of [tmpdir(), path, '/dev/null']) {
    const code = 'BACKFILL_FILE_UNREADABLE';
    await expect(stampFile(other)).rejects.toMatchObject({ code });
  }
});
