import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  collectErrorCodes,
  findAmbiguous,
  manualPath,
  readManual,
  writeManual,
} from './error-codes.ts';
import { readTree, rootDirectory, type TreeFile } from './tree.ts';

describe('error codes', () => {
  const codes = collectErrorCodes(readTree());
  const path = join(rootDirectory, manualPath);
  // MILLRACE_TEST_UPDATE=1 writes the page anew; empty meanings are then filled by hand.
  if (process.env['MILLRACE_TEST_UPDATE'] === '1') {
    writeFileSync(path, writeManual(readFileSync(path, 'utf8'), codes));
  }
  const manual = readManual(readFileSync(path, 'utf8'));

  test('each has one meaning', () => {
    expect(findAmbiguous(codes)).toEqual([]);
  });

  test('the manual names exactly these, each with a sentence', () => {
    expect(codes.length).toBeGreaterThan(10);
    const advice = 'MILLRACE_TEST_UPDATE=1 npx vitest run test/tidy/error-codes';
    expect([...manual.keys()].toSorted(), advice).toEqual(codes.map(({ code }) => code));
    const wordless = [...manual].filter(([, meaning]) => !/^[A-Z`].*[.!]$/.test(meaning));
    expect(wordless, `a sentence each in ${manualPath}`).toEqual([]);
  });

  test('what the doc comments say is what the manual says', () => {
    const stale = codes.filter(
      ({ code, comment }) => comment !== '' && manual.get(code) !== comment,
    );
    expect(stale.map(({ code }) => code)).toEqual([]);
  });

  test('both forms are found, and two meanings are noticed', () => {
    const file = (name: string, text: string): TreeFile => ({ path: name, text, bytes: 0 });
    const found = collectErrorCodes([
      file('packages/a/src/x-error.ts', "/** Full\n * up. */\n  full: 'A_FULL',\n"),
      file('packages/b/src/b.ts', "{ code: 'A_FULL',\n kind: 'transient' }"),
      file('packages/b/src/c.ts', "{ code: 'B_GONE', kind: 'permanent' }"),
      file('packages/b/src/d.ts', "{ code: 'B_GONE', kind: 'defect' }"),
      file('packages/b/src/e.test.ts', "{ code: 'B_TEST', kind: 'defect' }"),
    ]);
    expect(found.map(({ code, comment }) => [code, comment])).toEqual([
      ['A_FULL', 'Full up.'],
      ['B_GONE', ''],
    ]);
    expect(findAmbiguous(found)).toHaveLength(2);
    const page = writeManual('# Title\n\nText.\n\n## old\n\n- `B_GONE`: It went.\n', found);
    expect(readManual(page).get('B_GONE')).toBe('It went.');
    expect(readManual(page).get('A_FULL')).toBe('Full up.');
    expect(page).toMatch(/^# Title\n\nText\.\n\n## packages\/a\n/);
  });
});
