#!/usr/bin/env node
// `npm test`: everything that can be known about this tree in minutes. `npm test -- PATH…` runs
// only the suites below PATH (and the build). The last line is always the closing counts.
import './require-node.mjs';

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tsc } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { root, runBounded, say, secondsSince, StepError } from './step.mjs';
import { readSuites } from './suites.mjs';

const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');
const prettier = join(root, 'node_modules', 'prettier', 'bin', 'prettier.cjs');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

/** What would not fit into the time, and the soak repeats for hours: run when named. */
const longSuites = listed('long-suites.json');
/** Run in this order when all others are through, as far as there is time. */
const laterSuites = listed('later-suites.json');

const reporters = ['--reporter=default', '--reporter=json'];

/** A run in CI may take 20 minutes; what has not ended before is stopped and counted as failed. */
const deadlineMs = performance.now() + 19 * 60_000;
const checkTimeoutMsMax = 4 * 60_000;
/** So many workers there are, so many suites are begun together, with so much time left. */
const laterAtOnce = 2;
const laterMsMin = 4 * 60_000;

const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const notRun = [];
const selected = process.argv.slice(2);

try {
  await runEverything();
} catch (error) {
  fail('npm test', error instanceof StepError ? error.message : (error.stack ?? String(error)));
  process.exitCode = error.exitCode;
}
summarize();

async function runEverything() {
  if (!install()) return;
  await runChecks();
  if (selected.length > 0) return await runSuites(selected);
  await runSuites([...longSuites, ...laterSuites].flatMap((path) => ['--exclude', path]));
  await runLater();
  for (const path of longSuites) skip(path, 'it takes a minute or more', `npm test -- ${path}`);
}

async function runChecks() {
  await check('build and types', [tsc, '-b']);
  if (selected.length === 0) {
    await check('lint', [oxlint, '--type-aware', '--deny-warnings']);
    await check('format', [prettier, '--check', '--log-level', 'warn', '.']);
  } else {
    skip('lint', 'suites were selected', 'npm test');
    skip('format', 'suites were selected', 'npm test');
  }
}

/** Counts only when it fails: everything else is without meaning then. */
function install() {
  try {
    ensureInstalled();
    return true;
  } catch (error) {
    fail('install', error.message);
    return false;
  }
}

async function check(name, args) {
  say(`\n== ${name}`);
  const startMs = performance.now();
  const { code, why } = await runBounded({
    file: process.execPath,
    args,
    timeoutMs: Math.min(checkTimeoutMsMax, timeLeftMs()),
  });
  say(`== ${name}: ${code === 0 ? 'passed' : 'FAILED'} in ${secondsSince(startMs)}`);
  if (code === 0) counts.passed += 1;
  else fail(name, why ?? `exit code ${code}, see above`);
}

async function runLater() {
  for (let at = 0; at < laterSuites.length; at += laterAtOnce) {
    const next = laterSuites.slice(at, at + laterAtOnce);
    if (timeLeftMs() >= laterMsMin) await runSuites(next);
    else for (const path of next) skip(path, 'there was no time left', `npm test -- ${path}`);
  }
}

/** `chosen`: arguments of vitest that say which. */
async function runSuites(chosen) {
  say('\n== suites');
  const startMs = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  try {
    const report = join(directory, 'report.json');
    const notices = join(directory, 'notices.jsonl');
    const { code, why } = await runBounded({
      file: process.execPath,
      args: [vitest, 'run', ...reporters, `--outputFile.json=${report}`, ...chosen],
      timeoutMs: timeLeftMs(),
      env: { MILLRACE_TEST_NOTICES: notices },
    });
    const required = process.env.REQUIRE_REAL_SERVICES === '1';
    const suites = readSuites({ report, notices, exitCode: code, why, required });
    counts.passed += suites.passed;
    counts.skipped += suites.skipped;
    for (const { name, reason } of suites.failures) fail(name, reason);
    notRun.push(...suites.notRun);
    say(`== suites: ${suites.failures.length} failed in ${secondsSince(startMs)}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function listed(file) {
  return JSON.parse(readFileSync(join(root, 'infra', 'scripts', file), 'utf8'));
}

function timeLeftMs() {
  return Math.max(1_000, deadlineMs - performance.now());
}

function fail(name, reason) {
  counts.failed += 1;
  failures.push(`${name}: ${reason}`);
}

function skip(name, reason, command) {
  counts.skipped += 1;
  notRun.push(`${name}: ${reason}. To run it: ${command}`);
}

function summarize() {
  if (notRun.length > 0) {
    say(`\n!! NOT RUN (${notRun.length}):`);
    for (const line of notRun) say(`!!   ${line}`);
  }
  if (failures.length > 0) {
    say(`\nFAILED (${failures.length}):`);
    for (const line of failures) say(`  ${line}`);
  }
  if (counts.failed > 0) process.exitCode ??= 1;
  process.stdout.write(
    `\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`,
  );
}
