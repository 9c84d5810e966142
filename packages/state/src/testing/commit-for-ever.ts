import { openLmdbStateStore } from '../lmdb/lmdb-state-store.ts';

/** Pages of a generation, and their bytes: enough that a commit takes tens of milliseconds. */
export const GENERATION_PAGES: number = 600;
export const GENERATION_PAGE_BYTES: number = 20_000;
export const GENERATION_LOG: string = 'c0'.repeat(16);

/** The pages of generation `n`: all say n, and each odd generation has one page more. */
export function generation(n: number): Map<string, Uint8Array | undefined> {
  const pages = new Map<string, Uint8Array | undefined>();
  for (let i = 0; i < GENERATION_PAGES; i += 1) {
    pages.set(`page ${i}`, new Uint8Array(GENERATION_PAGE_BYTES).fill(n % 251));
  }
  pages.set('odd', n % 2 === 1 ? new Uint8Array(8).fill(n % 251) : undefined);
  return pages;
}

/**
 * Commits one generation after the other and prints each when it is committed, until it is
 * killed: for tests that do so in the middle of a commit.
 */
export async function commitForEver(directory: string): Promise<void> {
  const store = openLmdbStateStore({ directory });
  let expected = await store.readPosition(0);
  for (;;) {
    const next = { logId: GENERATION_LOG, position: (expected?.position ?? 0) + 1 };
    const pages = generation(next.position);
    const outcome = await store.commit({ partition: 0, expected, next, pages });
    if (outcome !== 'committed') throw new Error(`Somebody else commits to ${directory}.`);
    process.stdout.write(`${next.position}\n`);
    expected = next;
  }
}
