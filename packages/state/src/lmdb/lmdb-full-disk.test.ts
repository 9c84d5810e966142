import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StateCommit } from '../state.ts';
import { openLmdbStateStore } from './lmdb-state-store.ts';

const canMount = process.platform === 'linux' && process.getuid?.() === 0;
if (!canMount) {
  process.stderr.write('SKIPPED: LmdbStateStore on a full disk. It mounts a tmpfs: run as root.\n');
}

describe.skipIf(!canMount)('LmdbStateStore on a full disk', () => {
  const mount = mkdtempSync(join(tmpdir(), 'millrace-full-'));
  const ballast = join(mount, 'ballast');
  beforeAll(() => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', mount]);
  });
  afterAll(() => {
    execFileSync('umount', [mount]);
    rmdirSync(mount);
  });

  it('commits nothing while there is no room, and again when there is', async () => {
    const directory = join(mount, 'state');
    const store = openLmdbStateStore({ directory });
    expect(await store.commit(commitOf(undefined, 1))).toBe('committed');
    writeFileSync(ballast, Buffer.alloc(8_000_000));
    const full = { code: 'STATE_FULL', kind: 'transient' };
    await expect(store.commit(commitOf(1, 200))).rejects.toMatchObject(full);
    await expect(store.commit(commitOf(1, 200))).rejects.toMatchObject(full);
    expect((await store.load(0))?.pages.size).toBe(1);
    expect(await store.commit(commitOf(1, 2))).toBe('committed');
    rmSync(ballast);
    expect(await store.commit(commitOf(2, 200))).toBe('committed');
    await store.close();
    const again = openLmdbStateStore({ directory });
    const state = await again.load(0);
    expect([state?.position, state?.pages.size]).toEqual([200, 200]);
    await again.close();
  });
});

/** From a position to another one, with as many pages of 25 KB. */
function commitOf(from: number | undefined, to: number): StateCommit {
  const pages = Array.from({ length: to }, (_, i) => [`page ${i}`, Buffer.alloc(25_000, to)]);
  return {
    partition: 0,
    expected: from === undefined ? undefined : { logId: 'aa', position: from },
    next: { logId: 'aa', position: to },
    pages: new Map(pages as [string, Uint8Array][]),
  };
}
