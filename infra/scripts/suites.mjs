import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from './step.mjs';

/**
 * What a run of the suites came to, from the runner's JSON report and its exit code. Whatever is
 * missing or contradicts itself is a failure: a crash must never look like a pass. `required`
 * makes a failure of each service that could not be had.
 */
export function readSuites({ report, notices, exitCode, why, required }) {
  const result = { passed: 0, skipped: 0, failures: [], notRun: [] };
  const files = readReport(report);
  if (files === undefined) {
    const reason = why ?? `exit code ${exitCode}, and no report was written`;
    result.failures.push({ name: 'suites', reason });
    return result;
  }
  for (const file of files) addFile(result, file);
  addNotices(result, notices, required);
  if ((exitCode !== 0 || why !== undefined) && result.failures.length === 0) {
    // An unhandled rejection, a leaked handle, no test found: said above by the runner itself.
    const reason = why ?? `the runner ended with exit code ${exitCode}, see above`;
    result.failures.push({ name: 'suites', reason });
  }
  return result;
}

function readReport(path) {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')).testResults;
  } catch (error) {
    // Cut short by a crash while it was written.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function addFile(result, file) {
  const path = relative(root, file.name);
  let failed = 0;
  for (const test of file.assertionResults) {
    const name = `${path} > ${test.fullName}`;
    if (test.status === 'passed') {
      result.passed += 1;
    } else if (test.status === 'failed') {
      failed += 1;
      const reason = test.failureMessages[0]?.split('\n')[0] ?? 'failed';
      result.failures.push({ name, reason });
    } else {
      result.skipped += 1;
      result.notRun.push(name);
    }
  }
  // It did not load, or a hook of it failed: then its tests are only said to be skipped.
  if (file.status === 'failed' && failed === 0) {
    const reason = file.message.split('\n')[0] || 'a hook failed, see above';
    result.failures.push({ name: path, reason });
  }
}

/** Lines that suites wrote about services they could not have: `{ what, why, fix }`. */
function addNotices(result, path, required) {
  if (!existsSync(path)) return;
  const lines = new Set(readFileSync(path, 'utf8').trim().split('\n'));
  for (const line of lines) {
    const { what, why, fix } = JSON.parse(line);
    const text = `${what}: ${why}. To run it: ${fix}`;
    if (required) {
      result.failures.push({ name: 'required service', reason: text });
    } else {
      result.notRun.push(text);
    }
  }
}
