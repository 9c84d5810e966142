import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cacheDirectory, prepareOnce } from './test-cache.ts';

describe('prepareOnce', () => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'millrace-cache-'));
    vi.stubEnv('XDG_CACHE_HOME', base);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(base, { recursive: true });
  });

  const writeOne = async (work: string): Promise<void> => writeFile(join(work, 'one'), '1');
  const entries = (): string[] => readdirSync(cacheDirectory()).filter((name) => name !== 'locks');

  test('makes it below the cache of the user, and a second time not at all', async () => {
    const path = await prepareOnce({ name: 'thing-1', make: writeOne });
    expect(path).toBe(join(base, 'millrace-test', 'thing-1'));
    expect(readFileSync(join(path, 'one'), 'utf8')).toBe('1');
    const make = vi.fn<(work: string) => Promise<void>>();
    expect(await prepareOnce({ name: 'thing-1', make })).toBe(path);
    expect(make).not.toHaveBeenCalled();
  });

  test('what fails half-way leaves nothing, and is made anew', async () => {
    const failing = prepareOnce({
      name: 'thing-1',
      make: async (work) => {
        await writeOne(work);
        throw new Error('no network');
      },
    });
    await expect(failing).rejects.toThrow('no network');
    expect(entries()).toEqual([]);
    const path = await prepareOnce({ name: 'thing-1', make: writeOne });
    expect(existsSync(join(path, 'one'))).toBe(true);
  });

  test('what a killed process began is removed, what others began stays', async () => {
    mkdirSync(join(cacheDirectory(), 'partial-thing-1-abc'), { recursive: true });
    mkdirSync(join(cacheDirectory(), 'partial-other-abc'));
    await prepareOnce({ name: 'thing-1', make: writeOne });
    expect(entries().toSorted()).toEqual(['partial-other-abc', 'thing-1']);
  });

  test('a name that begins like another one is not taken for it', async () => {
    mkdirSync(join(cacheDirectory(), 'partial-thing-10-abc'), { recursive: true });
    await prepareOnce({ name: 'thing-1', make: writeOne });
    expect(entries()).toContain('partial-thing-10-abc');
  });
});
