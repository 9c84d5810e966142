import { isUtf8 } from 'node:buffer';
import { parseRules, RULE_FILE_BYTES_MAX, type RuleProblem } from '@millrace/rules';
import { DecodeError } from '@millrace/wire';
import type { InFlightBytes } from '../in-flight-bytes.ts';
import { changeAnswer, rulesAnswer } from '../rules-answer.ts';
import type { RulesControl } from '../rules-control.ts';
import type { ReceiverSettings } from '../settings.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { readBody } from './request-body.ts';
import { checkType, explained, invalidParameter, isPlanned } from './rules-exchange.ts';

interface Parts {
  rules: RulesControl;
  inFlight: InFlightBytes;
  settings: ReceiverSettings;
  partitions: number;
}

const PATH = '/api/v1/rules';
const TYPES = ['application/yaml', 'application/json'] as const;

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
  checkType(request, TYPES);
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

function versionOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const detail = `version is ${JSON.stringify(text.slice(0, 40))}, not a number`;
  throw invalidParameter(detail, `Use a number out of versions in the answer of GET ${PATH}.`);
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
