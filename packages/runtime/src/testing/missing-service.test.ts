import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { reportMissing } from './missing-service.ts';

describe('reportMissing', () => {
  const missing = { what: 'Redis', why: 'not found', fix: 'apt-get install redis-server' };
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-missing-'));
    vi.stubEnv('MILLRACE_TEST_NOTICES', join(directory, 'notices.jsonl'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  });

  test('leaves a notice for the end of the run', () => {
    vi.stubEnv('REQUIRE_REAL_SERVICES', '0');
    reportMissing(missing);
    const line = readFileSync(join(directory, 'notices.jsonl'), 'utf8');
    expect(JSON.parse(line)).toEqual(missing);
  });

  test('fails the suite where real services are required', () => {
    vi.stubEnv('REQUIRE_REAL_SERVICES', '1');
    expect(() => reportMissing(missing)).toThrow('Redis: not found.');
  });
});
