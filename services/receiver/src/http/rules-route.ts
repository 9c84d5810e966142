import { isUtf8 } from 'node:buffer';
import { parseRules, RULE_FILE_BYTES_MAX, type RuleProblem } from '@millrace/rules';
import { MillraceError } from '@millrace/runtime';
import { DecodeError } from '@millrace/wire';
import type { InFlightBytes } from '../in-flight-bytes.ts';
import { OverloadError } from '../overload-error.ts';
import { changeAnswer, rulesAnswer } from '../rules-answer.ts';
import type { RulesControl } from '../rules-control.ts';
import type { ReceiverSettings } from '../settings.ts';
import {
  encodingOf,
  jsonAnswer,
  mediaTypeOf,
  type HttpAnswer,
  type HttpRequest,
  type HttpRoute,
} from './http-exchange.ts';
import { problemAnswer, RequestError } from './problem.ts';
import { readBody } from './request-body.ts';

interface Parts {
  rules: RulesControl;
  inFlight: InFlightBytes;
  settings: ReceiverSettings;
  partitions: number;
}

const PATH = '/api/v1/rules';

/**
 * Types that no page of another origin can send without asking first (a preflight, which is
 * answered 405): so nobody who merely looks at such a page changes the rules. Without a type, or
 * as text or a form, a browser would send it at once.
 */
const TYPES: readonly string[] = ['application/yaml', 'application/json'];

/** Errors that are not for 503: what the sender asked for cannot be had now, or ever. */
const STATUS_OF: ReadonlyMap<string, number> = new Map([
  ['RULES_OUTRUN', 409],
  ['RULES_BUSY', 409],
  ['RULES_TOO_OFTEN', 409],
  ['RULES_TOO_BIG', 413],
]);

/** `GET /api/v1/rules[?version=N]` and `POST /api/v1/rules[?plan=true]` with a rule file. */
export function rulesRoutes(parts: Parts): HttpRoute[] {
  const read = async (request: HttpRequest) => show(parts, request);
  const write = async (request: HttpRequest) => change(parts, request);
  return [
    { method: 'GET', path: PATH, handle: (request) => explained(parts, read(request)) },
    { method: 'POST', path: PATH, handle: (request) => explained(parts, write(request)) },
  ];
}

async function show({ rules, partitions }: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const number = versionOf(request.query().get('version'));
  const { history, inForce } = await rules.read();
  const shown =
    number === undefined ? inForce : history.versions.find((one) => one.number === number);
  if (shown === undefined) throw noSuchVersion(number ?? 0, inForce.number);
  return jsonAnswer(200, rulesAnswer(shown, history, partitions));
}

async function change(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const { rules } = parts;
  checkType(request);
  const isPlan = isPlanned(request.query().get('plan'));
  const source = await readSource(parts, request);
  const parsed = parseRules(source);
  if (!parsed.ok) throw wrongFile(parsed.problems);
  const wanted = { rules: parsed.compiled, source };
  return jsonAnswer(200, changeAnswer(await (isPlan ? rules.plan(wanted) : rules.apply(wanted))));
}

async function readSource({ inFlight }: Parts, request: HttpRequest): Promise<string> {
  const lease = inFlight.lease();
  const bounds = { requestBytesMax: RULE_FILE_BYTES_MAX, decodedBytesMax: RULE_FILE_BYTES_MAX };
  try {
    const body = await readBody({ body: request.body, encoding: 'identity', bounds, lease });
    if (!isUtf8(body)) throw new DecodeError('invalid_utf8', 'the rule file is not UTF-8');
    return body.toString('utf8');
  } catch (error) {
    const isTooLarge = error instanceof DecodeError && error.reason === 'body_too_large';
    throw isTooLarge ? fileTooBig(error.detail) : error;
  } finally {
    lease.release();
  }
}

function checkType(request: HttpRequest): void {
  const { type } = mediaTypeOf(request);
  const encoding = encodingOf(request);
  if (TYPES.includes(type) && encoding === 'identity') return;
  const shown = JSON.stringify((TYPES.includes(type) ? encoding : type).slice(0, 100));
  throw new RequestError({
    status: 415,
    code: TYPES.includes(type) ? 'unsupported_encoding' : 'unsupported_media_type',
    title: 'A rule file cannot be taken like this',
    detail: `the content ${TYPES.includes(type) ? 'encoding' : 'type'} is ${shown}`,
    remedy: `Send it as it is, with Content-Type: ${TYPES.join(' or ')}.`,
  });
}

function isPlanned(plan: string | null): boolean {
  if (plan === null || plan === 'false') return false;
  if (plan === 'true') return true;
  const detail = `plan is ${JSON.stringify(plan.slice(0, 40))}, not true or false`;
  throw invalidParameter(detail, 'Ask with ?plan=true what would change, or leave it out.');
}

function versionOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const detail = `version is ${JSON.stringify(text.slice(0, 40))}, not a number`;
  throw invalidParameter(detail, `Use a number out of versions in the answer of GET ${PATH}.`);
}

function invalidParameter(detail: string, remedy: string): RequestError {
  const title = 'A query parameter cannot be understood';
  return new RequestError({ status: 400, code: 'invalid_parameter', title, detail, remedy });
}

function noSuchVersion(number: number, newest: number): RequestError {
  return new RequestError({
    status: 404,
    code: 'no_such_version',
    title: 'There is no such version of the rules',
    detail: `version ${number} was never in force; the newest is ${newest}`,
    remedy: `Look at all of them with GET ${PATH}, or "millrace rules list --versions".`,
  });
}

function wrongFile(problems: readonly RuleProblem[]): RequestError {
  const [first] = problems;
  const more = problems.length === 1 ? '' : `, and ${problems.length - 1} more`;
  return new RequestError({
    status: 422,
    code: 'invalid_rules',
    title: 'The rule file is not right, and nothing was changed',
    detail: `line ${first?.line}, column ${first?.column}: ${first?.message}${more}`,
    remedy: first?.remedy,
    problems,
  });
}

function fileTooBig(detail: string): RequestError {
  return new RequestError({
    status: 413,
    code: 'body_too_large',
    title: 'The rule file is too large',
    detail,
    remedy: 'Remove rules, or join values of a label into one regular expression.',
  });
}

/** Errors of the rules themselves with a code of their own; all others as everywhere. */
async function explained({ settings }: Parts, doing: Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await doing;
  } catch (error) {
    if (!(error instanceof MillraceError) || !isOfRules(error)) throw error;
    const { code, kind, message, remedy } = error;
    const status = STATUS_OF.get(code) ?? 503;
    const isToRepeat = status === 503 && kind === 'transient';
    const seconds = String(settings.retryAfterSeconds);
    const title = 'The rules cannot be read or changed now';
    return problemAnswer(
      { status, code: code.toLowerCase(), title, detail: message, remedy },
      isToRepeat ? { 'retry-after': seconds } : {},
    );
  }
}

function isOfRules(error: MillraceError): boolean {
  if (error instanceof RequestError || error instanceof DecodeError) return false;
  return !(error instanceof OverloadError) && error.kind !== 'defect' && error.kind !== 'aborted';
}
