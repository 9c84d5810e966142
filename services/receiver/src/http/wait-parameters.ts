import { formatDuration, parseDurationMs } from './duration.ts';
import { RequestError } from './problem.ts';

/** What `waitMsOf` reads. */
export const WAIT_PARAMETERS = ['wait', 'timeout'] as const;

/**
 * `wait=stored` and `timeout=5s` of a query: for how long to wait, undefined for not at all. A
 * longer timeout than the bound is cut to it.
 */
export function waitMsOf(
  query: URLSearchParams,
  settings: Readonly<{ waitMsDefault: number; waitMsMax: number }>,
): number | undefined {
  const wait = query.get('wait');
  if (wait === null) return undefined;
  if (wait !== 'stored') {
    throw invalidParameter(`wait is ${JSON.stringify(wait.slice(0, 40))}, not "stored"`);
  }
  const timeout = query.get('timeout');
  if (timeout === null) return settings.waitMsDefault;
  const timeoutMs = parseDurationMs(timeout);
  if (timeoutMs === undefined) {
    throw invalidParameter(`timeout is ${JSON.stringify(timeout.slice(0, 40))}, not a duration`);
  }
  return Math.min(timeoutMs, settings.waitMsMax);
}

export function invalidParameter(detail: string): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_parameter',
    title: 'A query parameter cannot be understood',
    detail,
    remedy: `Use wait=stored, and timeout as ${formatDuration(5000)} or ${formatDuration(500)}.`,
  });
}

export function waitUnavailable(): RequestError {
  return new RequestError({
    status: 501,
    code: 'wait_unavailable',
    title: 'This receiver does not know what is stored',
    detail: 'it runs without a view of the store',
    remedy:
      'Ask a receiver that has one (started with DATABASE_URL), or leave wait=stored out: what ' +
      'was accepted is durable and will be stored.',
  });
}
