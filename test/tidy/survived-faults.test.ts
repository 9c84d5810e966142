import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSurvived, recordRound, SURVIVED_PATH, withSurvived } from '../e2e/survived-faults.ts';
import { rootDirectory } from './tree.ts';

describe('the table of faults survived', () => {
  const path = join(rootDirectory, 'README.md');
  // MILLRACE_TEST_UPDATE=1 writes it anew from what soak runs counted.
  if (process.env['MILLRACE_TEST_UPDATE'] === '1') {
    writeFileSync(path, withSurvived(readFileSync(path, 'utf8'), readSurvived(rootDirectory)));
  }

  test('the README shows what was counted', () => {
    const readme = readFileSync(path, 'utf8');
    const advice = 'MILLRACE_TEST_UPDATE=1 npx vitest run test/tidy/survived-faults';
    expect(readme, advice).toBe(withSurvived(readme, readSurvived(rootDirectory)));
  });

  test('rounds are added up, each fault by itself', () => {
    const root = mkdtempSync(join(tmpdir(), 'millrace-survived-'));
    try {
      mkdirSync(dirname(join(root, SURVIVED_PATH)), { recursive: true });
      writeFileSync(join(root, SURVIVED_PATH), '[]\n');
      const [first, second] = [
        { fault: 'b', how: 'kill -9' },
        { fault: 'a', how: 'SIGSTOP' },
      ];
      const counts = { samples: 1000, missing: 0, twice: 0 };
      recordRound([first!], counts, new Date('2026-01-02T03:04:05Z'), root);
      recordRound([first!, second!], { ...counts, twice: 2 }, new Date('2026-01-03'), root);
      const rows = readSurvived(root);
      expect(rows).toEqual([
        { ...second, rounds: 1, samples: 1000, missing: 0, twice: 2, date: '2026-01-03' },
        { ...first, rounds: 2, samples: 2000, missing: 0, twice: 2, date: '2026-01-03' },
      ]);
      const marks = '<!-- faults survived: begin -->\nold\n<!-- faults survived: end -->';
      const page = withSurvived(`before\n${marks}\nafter\n`, rows);
      expect(page).toMatch(/^before\n<!-- .*\n\n\| fault \| how .*\n[\s\S]*-->\nafter\n$/);
      expect(page).toContain('| b     | kill -9 |      2 |           2,000 |       0 |     2 |');
      expect(page).not.toContain('old');
      expect(withSurvived(page, rows)).toBe(page);
      expect(() => withSurvived('nothing', rows)).toThrow('no <!--');
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
