import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import { changeAnswer } from '../rules/rules-answer.ts';
import type { RulesControl } from '../rules/rules-control.ts';
import type { ReceiverSettings } from '../settings.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { readBody } from './request-body.ts';
import { checkType, explained, isPlanned } from './rules-exchange.ts';

interface Parts {
  rules: RulesControl;
  inFlight: InFlightBytes;
  settings: ReceiverSettings;
}

const TYPES = ['application/json'] as const;
const BODY_BYTES_MAX = 1024;

/**
 * `POST /api/v1/rules/fold-version[?plan=true]` with `{"version": 2}`: another way of folding, from
 * here on, under the rules that are in force.
 */
export function foldVersionRoute(parts: Parts): HttpRoute {
  return {
    method: 'POST',
    path: '/api/v1/rules/fold-version',
    parameters: ['plan'],
    handle: (request) => explained(parts, change(parts, request)),
  };
}

async function change(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const { rules } = parts;
  checkType(request, TYPES);
  const isPlan = isPlanned(request.query().get('plan'));
  const wanted = { foldVersion: await readVersion(parts, request) };
  return jsonAnswer(200, changeAnswer(await (isPlan ? rules.plan(wanted) : rules.apply(wanted))));
}

async function readVersion({ inFlight }: Parts, request: HttpRequest): Promise<number> {
  const lease = inFlight.lease();
  const bounds = { requestBytesMax: BODY_BYTES_MAX, decodedBytesMax: BODY_BYTES_MAX };
  try {
    const body = await readBody({ body: request.body, encoding: 'identity', bounds, lease });
    const version = versionIn(body.toString('utf8'));
    if (version === undefined) throw noVersion();
    return version;
  } finally {
    lease.release();
  }
}

function versionIn(text: string): number | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null || !('version' in body)) return undefined;
  const { version } = body;
  return typeof version === 'number' && Number.isSafeInteger(version) ? version : undefined;
}

function noVersion(): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_fold_version',
    title: 'The body names no fold version',
    detail: 'it should be an object with a whole number as version',
    remedy: 'Send {"version": 2}, or use "millrace rules upgrade".',
  });
}
