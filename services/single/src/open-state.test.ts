import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock, type Log } from '@millrace/runtime';
import type { LmdbStateStore } from '@millrace/state/lmdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openState } from './open-state.ts';

/** As it is built: a process of its own does not run from the sources. */
const PROBE = new URL('../dist/state-probe.js', import.meta.url);
const AT = { logId: 'a1b2c3d4e5f60718293a4b5c6d7e8f90', position: 7 };

let base: string;
let directory: string;
let warnings: Readonly<Record<string, unknown>>[];
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'millrace-state-'));
  directory = join(base, 'state');
  warnings = [];
});
afterEach(async () => await rm(base, { recursive: true }));

const log: Log = { ...silentLog, warn: (fields) => void warnings.push({ ...fields }) };
const openIt = (): Promise<LmdbStateStore> =>
  openState({ clock: systemClock, log }, { directory, partitions: 2, probe: PROBE });

async function commitSome(state: LmdbStateStore): Promise<void> {
  const pages = new Map(Array.from({ length: 50 }, (_, i) => [`p${i}`, Buffer.alloc(9000, i)]));
  await state.commit({ partition: 1, expected: undefined, next: AT, pages });
}

describe('the state of the one process', () => {
  test('is there again after a clean end and after none', async () => {
    const first = await openIt();
    await commitSome(first);
    // As a killed process leaves it: nothing says that it was closed.
    const second = await openIt();
    expect((await second.load(1))?.pages.size).toBe(50);
    await first.close();
    await second.close();
    const third = await openIt();
    expect(await third.readPosition(1)).toEqual(AT);
    await third.close();
    expect(warnings).toEqual([]);
  });

  test('is closed although its directory is gone, which is not made again', async () => {
    const state = await openIt();
    await rm(directory, { recursive: true });
    await state.close();
    expect(existsSync(directory)).toBe(false);
  });

  const damages: [string, (file: string, bytes: number) => Promise<void>][] = [
    ['are cut off', (file) => truncate(file, 8192)],
    ['are no database', (file, bytes) => overwrite(file, 0, bytes, 0x20)],
    ['hold nothing behind their beginning', (file, bytes) => overwrite(file, 8192, bytes, 0)],
    ['hold other bytes behind it', (file, bytes) => overwrite(file, 8192, bytes, 0x5a)],
  ];

  test.each(damages)('is put aside when its files %s, and is empty then', async (_, damage) => {
    const killed = await openIt();
    await commitSome(killed);
    await killed.close();
    await rm(join(directory, 'closed'));
    const file = join(directory, 'data.mdb');
    await damage(file, (await stat(file)).size);
    const damaged = await readFile(file);
    const state = await openIt();
    expect(await state.load(1)).toBeUndefined();
    await commitSome(state);
    await state.close();
    expect(warnings).toMatchObject([{ directory, error: expect.any(String) }]);
    expect(damaged.equals(await readFile(join(`${directory}.damaged`, 'data.mdb')))).toBe(true);
    expect(existsSync(join(directory, 'closed'))).toBe(true);
  });

  test('is not believed when half of its file is cut off, wherever its pages lie', async () => {
    const killed = await openIt();
    await commitSome(killed);
    await killed.close();
    await rm(join(directory, 'closed'));
    const file = join(directory, 'data.mdb');
    await truncate(file, Math.floor((await stat(file)).size / 2));
    const state = await openIt();
    // Where only values are missing, the partition's own checksums tell, and its owner discards it.
    const loaded = await state.load(1).catch((error: { code: string }) => error.code);
    expect([undefined, 'STATE_CORRUPT']).toContain(loaded);
    await state.close();
  });

  test('is left alone when it is one partition that contradicts itself', async () => {
    const state = await openIt();
    await commitSome(state);
    await state.commit({ partition: 0, expected: undefined, next: AT, pages: new Map() });
    await state.close();
    await rm(join(directory, 'closed'));
    await flipInPage(join(directory, 'data.mdb'));
    const again = await openIt();
    await expect(again.load(1)).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    expect(await again.discardCorrupt(1)).toBe(true);
    expect(await again.readPosition(0)).toEqual(AT);
    await again.close();
    expect(warnings).toEqual([]);
  });
});

async function overwrite(file: string, from: number, to: number, byte: number): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(Buffer.alloc(to - from, byte), 0, to - from, from);
  await handle.close();
}

/** A byte in the middle of what a page holds, and not of the tree around it. */
async function flipInPage(file: string): Promise<void> {
  const at = (await readFile(file)).indexOf(Buffer.alloc(4096, 33));
  expect(at).toBeGreaterThan(0);
  await overwrite(file, at + 2000, at + 2001, 34);
}
