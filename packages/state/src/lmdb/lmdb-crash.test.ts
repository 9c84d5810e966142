import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generation, GENERATION_LOG } from '../testing/commit-for-ever.ts';
import { openLmdbStateStore } from './lmdb-state-store.ts';

const ROUNDS = 8;
const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const CHILD = new URL('../../dist/testing/commit-for-ever.js', import.meta.url).href;

describe('LmdbStateStore under SIGKILL', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-state-'));
  // The child runs what is built; without this it could be older than what is tested.
  beforeAll(() => {
    execFileSync('npx', ['tsc', '-b', '.'], { cwd: PACKAGE, stdio: 'pipe' });
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('has the old or the new state, whole, wherever in a commit the process ends', async () => {
    let committed = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      // Each round ends a little later in the commit that follows the printed one.
      committed = await commitThenKill(directory, { commits: 2, afterMs: round * 3 });
      const store = openLmdbStateStore({ directory });
      const state = await store.load(0);
      await store.close();
      const position = state?.position ?? 0;
      expect(state?.logId).toBe(GENERATION_LOG);
      expect([committed, committed + 1]).toContain(position);
      const wrong = [...generation(position)].filter(([key, page]) => {
        const loaded = state?.pages.get(key);
        return page === undefined ? loaded !== undefined : !equal(page, loaded);
      });
      expect(wrong.map(([key]) => key)).toEqual([]);
    }
    expect(committed).toBeGreaterThanOrEqual(ROUNDS * 2);
  });
});

/** Runs the child for some commits, ends it in one of the next; the last one it told of. */
async function commitThenKill(
  directory: string,
  when: Readonly<{ commits: number; afterMs: number }>,
): Promise<number> {
  const script = `import(${JSON.stringify(CHILD)})
    .then((child) => child.commitForEver(${JSON.stringify(directory)}))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let last = 0;
  let commits = 0;
  let killing: Promise<void> | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    commits += 1;
    if (commits === when.commits) killing = killLater(child, when.afterMs);
  }
  await killing;
  expect(await ended).toEqual([null, 'SIGKILL']);
  return last;
}

async function killLater(child: ChildProcess, afterMs: number): Promise<void> {
  await pause(afterMs);
  child.kill('SIGKILL');
}

function equal(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}
