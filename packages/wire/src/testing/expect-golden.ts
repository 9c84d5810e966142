import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/*
 * Bytes that logs out there hold. Files are only ever added: a new version gets new ones, and
 * the old ones must stay readable. A missing file is written when UPDATE_GOLDEN=1.
 */
const golden = (name: string): string =>
  fileURLToPath(new URL(`../../golden/${name}.hex`, import.meta.url));

/** Compares with the file, and returns the bytes it has. */
export function expectGolden(name: string, bytes: Uint8Array): Uint8Array {
  const file = golden(name);
  const hex = Buffer.from(bytes).toString('hex');
  if (!existsSync(file) && process.env['UPDATE_GOLDEN'] === '1') {
    writeFileSync(file, `${hex.replace(/(.{96})/g, '$1\n')}\n`);
  }
  const kept = readGolden(name);
  expect(hex).toBe(Buffer.from(kept).toString('hex'));
  return kept;
}

export function readGolden(name: string): Uint8Array {
  const hex = readFileSync(golden(name), 'utf8').replace(/\s/g, '');
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
