import { appendFileSync } from 'node:fs';

/** Something a suite needs and cannot have here. */
export interface MissingService {
  /** `Prometheus 3.5` */
  readonly what: string;
  /** Where it was looked for, and what was found. */
  readonly why: string;
  /** The one command that mends it. */
  readonly fix: string;
}

/** Whether a starter or a finder came back with what is missing instead of the real thing. */
export function isMissing(found: unknown): found is MissingService {
  return typeof found === 'object' && found !== null && 'what' in found && 'fix' in found;
}

/**
 * Says loudly that a suite is about to be skipped: `npm test` repeats it at its end. Throws, and
 * so fails the suite, where real services are required (`REQUIRE_REAL_SERVICES=1`, as in CI).
 */
export function reportMissing(missing: MissingService): void {
  const text = `${missing.what}: ${missing.why}. To run it: ${missing.fix}`;
  if (process.env['REQUIRE_REAL_SERVICES'] === '1') throw new Error(`Required: ${text}`);
  const notices = process.env['MILLRACE_TEST_NOTICES'];
  if (notices === undefined) process.stderr.write(`!! NOT RUN: ${text}\n`);
  else appendFileSync(notices, `${JSON.stringify(missing)}\n`);
}
