import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import { changeAnswer, rulesAnswer } from '../rules/rules-answer.ts';
import type { RulesControl } from '../rules/rules-control.ts';
import type { ReceiverSettings } from '../settings.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { readRules, RULE_FILE_TYPES } from './rule-file-body.ts';
import { checkType, explained, invalidParameter, isPlanned } from './rules-exchange.ts';

interface Parts {
  rules: RulesControl;
  inFlight: InFlightBytes;
  settings: ReceiverSettings;
  partitions: number;
}

const PATH = '/api/v1/rules';

/** `GET /api/v1/rules[?version=N]` and `POST /api/v1/rules[?plan=true]` with a rule file. */
export function rulesRoutes(parts: Parts): HttpRoute[] {
  const read = async (request: HttpRequest) => explained(parts, show(parts, request));
  const write = async (request: HttpRequest) => explained(parts, change(parts, request));
  return [
    { method: 'GET', path: PATH, parameters: ['version'], handle: read },
    { method: 'POST', path: PATH, parameters: ['plan'], handle: write },
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
  checkType(request, RULE_FILE_TYPES);
  const isPlan = isPlanned(request.query().get('plan'));
  const wanted = await readRules(parts, request);
  return jsonAnswer(200, changeAnswer(await (isPlan ? rules.plan(wanted) : rules.apply(wanted))));
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
