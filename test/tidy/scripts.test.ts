import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { identifyProcess } from '@millrace/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rootDirectory } from './tree.ts';

interface Suites {
  passed: number;
  skipped: number;
  failures: { name: string; reason: string }[];
  notRun: string[];
}

const script = (name: string): string => join(rootDirectory, 'infra', 'scripts', name);
const load = async (name: string): Promise<unknown> =>
  (await import(pathToFileURL(script(name)).href)) as unknown;

const { readSuites } = (await load('suites.mjs')) as {
  readSuites: (params: {
    report: string;
    notices: string;
    exitCode: number | null;
    why?: string;
    required: boolean;
  }) => Suites;
};
const { installReason } = (await load('install.mjs')) as {
  installReason: (directory: string) => string | undefined;
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-scripts-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('readSuites', () => {
  type Case = { status: string; fullName: string; failureMessages: string[] };
  const one = (status: string, ...failureMessages: string[]): Case => ({
    status,
    fullName: `is ${status}`,
    failureMessages,
  });

  /** Reads a report with one file of these tests. */
  function read(
    tests: Case[],
    params: { exitCode?: number | null; why?: string; status?: string; notices?: string } = {},
    required = false,
  ): Suites {
    const report = join(directory, 'report.json');
    const notices = join(directory, 'notices.jsonl');
    const name = join(rootDirectory, 'packages/a/src/a.test.ts');
    const { status = 'passed', exitCode = 0, why } = params;
    const file = { name, status, message: 'Cannot find module\nstack', assertionResults: tests };
    writeFileSync(report, JSON.stringify({ testResults: [file] }));
    if (params.notices !== undefined) writeFileSync(notices, params.notices);
    return readSuites({ report, notices, exitCode, required, ...(why ? { why } : {}) });
  }

  test('counts and names', () => {
    const suites = read([one('passed'), one('failed', 'boom\n at x'), one('skipped')], {
      exitCode: 1,
    });
    expect(suites).toEqual({
      passed: 1,
      skipped: 1,
      failures: [{ name: 'packages/a/src/a.test.ts > is failed', reason: 'boom' }],
      notRun: ['packages/a/src/a.test.ts > is skipped'],
    });
  });

  test('a file that did not load is a failure', () => {
    const { failures } = read([], { status: 'failed', exitCode: 1 });
    expect(failures).toEqual([{ name: 'packages/a/src/a.test.ts', reason: 'Cannot find module' }]);
  });

  test('an exit code that no test explains is a failure', () => {
    expect(read([one('passed')], { exitCode: 1 }).failures).toHaveLength(1);
    expect(read([one('passed')], { exitCode: null, why: 'ended by SIGKILL' }).failures).toEqual([
      { name: 'suites', reason: 'ended by SIGKILL' },
    ]);
  });

  test('no report, or half of one, is a failure', () => {
    const report = join(directory, 'report.json');
    const params = { report, notices: '', exitCode: 0, required: false };
    expect(readSuites(params).failures).toHaveLength(1);
    writeFileSync(report, '{"testResults": [{"name"');
    expect(readSuites(params).failures).toHaveLength(1);
  });

  test('a missing service is told with what mends it, and fails where it is required', () => {
    const notices = `${JSON.stringify({ what: 'Redis', why: 'not found', fix: 'get it' })}\n`;
    const told = 'Redis: not found. To run it: get it';
    expect(read([one('passed')], { notices: notices + notices })).toMatchObject({
      failures: [],
      notRun: [told],
    });
    expect(read([one('passed')], { notices }, true).failures).toEqual([
      { name: 'required service', reason: told },
    ]);
  });
});

describe('installReason', () => {
  const wanted = {
    '': {},
    'packages/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.0', integrity: 'x' },
    'node_modules/c': { version: '3.0.0', integrity: 'y', optional: true },
  };
  const write = (path: string, packages: object): void =>
    writeFileSync(join(directory, path), JSON.stringify({ packages }));

  test('nothing is installed again that is there', () => {
    write('package-lock.json', wanted);
    expect(installReason(directory)).toBe('first start');
    mkdirSync(join(directory, 'node_modules'));
    expect(installReason(directory)).toBe('the last install was interrupted');
    const recorded = 'node_modules/.package-lock.json';
    write(recorded, {});
    expect(installReason(directory)).toBe('b is missing');
    write(recorded, { 'node_modules/b': { version: '2.0.1', integrity: 'x' } });
    expect(installReason(directory)).toBe('b changed');
    write(recorded, { 'node_modules/b': wanted['node_modules/b'] });
    expect(installReason(directory)).toBeUndefined();
    write(recorded, { ...wanted, 'node_modules/c': { version: '2.9.0', optional: true } });
    expect(installReason(directory)).toBe('c changed');
  });
});

describe('runBounded', () => {
  /** Runs in a process of its own, because it listens for signals. */
  function runBounded(program: string, timeoutMs: number): { output: string; lastedMs: number } {
    const call = `
      const { runBounded } = await import(${JSON.stringify(pathToFileURL(script('step.mjs')))});
      const args = ['-e', ${JSON.stringify(program)}];
      console.log(JSON.stringify(
        await runBounded({ file: process.execPath, args, timeoutMs: ${timeoutMs} })
      ));`;
    const startMs = performance.now();
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', call], {
      encoding: 'utf8',
    });
    return { output: run.stdout, lastedMs: performance.now() - startMs };
  }

  test('gives the exit code', () => {
    expect(runBounded('process.exit(3)', 20_000).output).toContain('{"code":3}');
  });

  test('ends what takes too long, and what it started', async () => {
    const grandchild = "require('child_process').spawn('sleep', ['60'], { stdio: 'inherit' })";
    const program = `const { pid } = ${grandchild}; console.log('pid', pid);`;
    const { output, lastedMs } = runBounded(program, 300);
    expect(output).toContain('stopped after');
    expect(lastedMs).toBeLessThan(30_000);
    const pid = Number(/pid (\d+)/.exec(output)?.[1]);
    await expect.poll(() => identifyProcess(pid).started).toBeUndefined();
  });
});

describe('suites that do not run with all others', () => {
  const listed = (file: string) => JSON.parse(readFileSync(script(file), 'utf8')) as string[];

  test('are there, and each is listed once', () => {
    const paths = [...listed('long-suites.json'), ...listed('later-suites.json')];
    expect(paths.filter((path) => !existsSync(join(rootDirectory, path)))).toEqual([]);
    expect(new Set(paths).size).toBe(paths.length);
  });
});
