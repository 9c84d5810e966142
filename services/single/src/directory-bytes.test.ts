import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { directoryBytes } from './directory-bytes.ts';

test('files at all depths count with the blocks they take', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-single-'));
  try {
    expect(await directoryBytes(join(directory, 'missing'))).toBe(0);
    await mkdir(join(directory, 'a', 'b'), { recursive: true });
    await writeFile(join(directory, 'a', 'b', 'c'), Buffer.alloc(100_000, 1));
    // A hole takes no blocks.
    await writeFile(join(directory, 'd'), '');
    await truncate(join(directory, 'd'), 10_000_000);
    const bytes = await directoryBytes(directory);
    expect(bytes).toBeGreaterThanOrEqual(100_000);
    expect(bytes).toBeLessThan(1_000_000);
  } finally {
    await rm(directory, { recursive: true });
  }
});
