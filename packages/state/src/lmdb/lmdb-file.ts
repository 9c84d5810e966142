import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { corruptState } from '../state-error.ts';

/*
 * The two first pages of an LMDB data file (the library's version 1.0 layout) describe it:
 *
 *   24 magic u32 · 28 version u32 · 32 address u64 · 40 map size u64 · 48 page size u32 · …
 *   144 last page u64 · 152 transaction u64
 *
 * The page with the larger transaction number counts.
 */
const DATA_FILE = 'data.mdb';
const MAGIC = 0xbeefc0de;
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const LAST_PAGE_AT = 144;
const TRANSACTION_AT = 152;
const DESCRIPTION_BYTES = 160;

/** LMDB may leave pages at the end unwritten when the transaction that took them freed them. */
const UNWRITTEN_PAGES_MAX = 64;

export function hasLmdbFile(directory: string): boolean {
  return existsSync(join(directory, DATA_FILE));
}

/**
 * Refuses a data file that is none of LMDB or was cut off. LMDB's binding would end the process
 * on the one, without a word, as soon as it is opened, and on the other at some later read. Returns
 * the number of its newest transaction: 0 when there is none.
 */
export function checkLmdbFile(directory: string): number {
  const path = join(directory, DATA_FILE);
  const file = openIfThere(path);
  if (file === undefined) return 0;
  try {
    const { size } = fstatSync(file);
    const first = descriptionAt(file, 0);
    // LMDB writes both pages when it creates a file; an empty one was never a database.
    if (size === 0) return 0;
    const pageSize = first.readUInt32LE(PAGE_SIZE_AT);
    const isPageSize = pageSize >= 512 && pageSize <= 65_536;
    const second = descriptionAt(file, isPageSize ? pageSize : 4_096);
    if (!isPageSize || ![first, second].every((page) => page.readUInt32LE(MAGIC_AT) === MAGIC)) {
      throw corruptState({ where: path, detail: 'the file is not a database of LMDB' });
    }
    const isFirstNewer =
      first.readBigUInt64LE(TRANSACTION_AT) > second.readBigUInt64LE(TRANSACTION_AT);
    const newest = isFirstNewer ? first : second;
    const pages = Number(newest.readBigUInt64LE(LAST_PAGE_AT)) + 1 - UNWRITTEN_PAGES_MAX;
    if (size < pages * pageSize) {
      const described = pages * pageSize;
      const detail = `the file has ${size} bytes, and describes itself as at least ${described}`;
      throw corruptState({ where: path, detail });
    }
    return Number(newest.readBigUInt64LE(TRANSACTION_AT));
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Zeros stand in for what a short file does not have. */
function descriptionAt(file: number, position: number): Buffer {
  const bytes = Buffer.alloc(DESCRIPTION_BYTES);
  readSync(file, bytes, 0, DESCRIPTION_BYTES, position);
  return bytes;
}
