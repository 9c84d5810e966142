import type { ChangedCandidates, JobsOrder } from '@millrace/control';
import { candidateAnswer, candidatesAnswer, jobsAnswer } from '../rules/candidates-answer.ts';
import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import type { RulesControl } from '../rules/rules-control.ts';
import type { ReceiverSettings } from '../settings.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { readBody } from './request-body.ts';
import { readRules, RULE_FILE_TYPES } from './rule-file-body.ts';
import { checkType, explained, invalidParameter } from './rules-exchange.ts';

interface Parts {
  rules: RulesControl;
  inFlight: InFlightBytes;
  settings: ReceiverSettings;
  partitions: number;
}

type Handle = (parts: Parts, request: HttpRequest) => Promise<HttpAnswer>;

const PATH = '/api/v1/candidates';
const TYPES = ['application/json'] as const;
const BODY_BYTES_MAX = 1024;

/**
 * Rules that are folded beside those in force: `GET /api/v1/candidates`; `POST` there with
 * `?since_us=N` and a rule file begins one, of which with `&samples_per_second=N` each job folds so
 * much at most; `POST …/NUMBER/promote` with `{"rehearsed": true}`, `…/drop` with `{}`;
 * `POST …/NUMBER/jobs` with `{"paused": true}` or `{"samplesPerSecond": 1000}`.
 */
export function candidatesRoutes(parts: Parts): HttpRoute[] {
  const route = (
    method: HttpRoute['method'],
    path: string,
    handle: Handle,
    parameters: readonly string[] = [],
  ): HttpRoute => {
    const explaining = async (request: HttpRequest) => explained(parts, handle(parts, request));
    return { method, path, parameters, handle: explaining };
  };
  return [
    route('GET', PATH, show),
    route('POST', PATH, begin, ['since_us', 'samples_per_second']),
    route('POST', `${PATH}/:number/promote`, async (_, request) => {
      const number = await numberToChange(parts, request, checkRehearsed);
      return await told(parts, await parts.rules.promote(number));
    }),
    route('POST', `${PATH}/:number/drop`, async (_, request) => {
      const number = await numberToChange(parts, request);
      return await told(parts, await parts.rules.drop(number));
    }),
    route('POST', `${PATH}/:number/jobs`, order),
  ];
}

async function show({ rules, partitions }: Parts): Promise<HttpAnswer> {
  const { history, inForce } = await rules.read();
  return jsonAnswer(200, candidatesAnswer(inForce, history, partitions));
}

async function begin(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  checkType(request, RULE_FILE_TYPES);
  const sinceUs = sinceOf(request.query().get('since_us'));
  const samplesPerSecondMax = rateOf(request.query().get('samples_per_second'));
  const wanted = await readRules(parts, request);
  return await told(parts, await parts.rules.begin({ ...wanted, sinceUs, samplesPerSecondMax }));
}

async function numberToChange(
  parts: Parts,
  request: HttpRequest,
  check: (body: Record<string, unknown>) => void = () => undefined,
): Promise<number> {
  checkType(request, TYPES);
  const number = numberOf(request);
  check(await readObject(parts, request));
  return number;
}

/**
 * What is shown is up to the store, which this process need not know: whether it would show the
 * rules has to be asked first. Without that they may be in force and shown to nobody, and their
 * past is folded no further.
 */
function checkRehearsed({ rehearsed }: Record<string, unknown>): void {
  if (rehearsed === true) return;
  throw new RequestError({
    status: 409,
    code: 'promotion_not_rehearsed',
    title: 'The store was not asked whether it would show these rules',
    detail:
      'promoting changes only which rules are in force; the store shows them in a step of its ' +
      'own, which it may refuse, and jobs that still fold their past end. Nothing was changed',
    remedy:
      'Use "millrace edition promote NUMBER", which does both. A program that has called the ' +
      'store\'s rehearsal itself sends {"rehearsed": true}.',
  });
}

async function order(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  checkType(request, TYPES);
  const number = numberOf(request);
  const wanted = orderIn(await readObject(parts, request));
  return jsonAnswer(200, jobsAnswer(await parts.rules.order(number, wanted)));
}

async function told({ rules }: Parts, changed: ChangedCandidates): Promise<HttpAnswer> {
  const { history } = await rules.read();
  return jsonAnswer(200, candidateAnswer(changed, history));
}

/** Microseconds since the epoch; a negative time is none of anybody's history. */
function sinceOf(text: string | null): number {
  if (text !== null && /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) {
    return Number(text);
  }
  const given = text === null ? 'missing' : JSON.stringify(text.slice(0, 40));
  throw invalidParameter(
    `since_us is ${given}, and no time`,
    'Say from when on history is computed again: ?since_us= with microseconds since 1970.',
  );
}

/** Of each partition's job. */
function rateOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw invalidParameter(
    `samples_per_second is ${JSON.stringify(text.slice(0, 40))}, and no whole number above 0`,
    "Say how many samples each partition's job may fold in a second, or leave it out.",
  );
}

function numberOf(request: HttpRequest): number {
  const text = request.parameter('number');
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new RequestError({
    status: 404,
    code: 'candidate_unknown',
    title: 'There are no such rules',
    detail: `${JSON.stringify(text.slice(0, 40))} is no number of a candidate`,
    remedy: `Look at them with GET ${PATH}, or "millrace edition list".`,
  });
}

async function readObject(
  { inFlight }: Parts,
  request: HttpRequest,
): Promise<Record<string, unknown>> {
  const lease = inFlight.lease();
  const bounds = { requestBytesMax: BODY_BYTES_MAX, decodedBytesMax: BODY_BYTES_MAX };
  try {
    const body = await readBody({ body: request.body, encoding: 'identity', bounds, lease });
    const read: unknown = JSON.parse(body.toString('utf8'));
    if (typeof read !== 'object' || read === null) throw invalidBody('it is not an object');
    return { ...read };
  } catch (error) {
    throw error instanceof SyntaxError ? invalidBody('it is not JSON') : error;
  } finally {
    lease.release();
  }
}

function orderIn({
  paused,
  samplesPerSecond,
  ...rest
}: Record<string, unknown>): Partial<JobsOrder> {
  const [other] = Object.keys(rest);
  if (other !== undefined)
    throw invalidBody(`nothing is known of ${JSON.stringify(other.slice(0, 40))}`);
  if (paused === undefined && samplesPerSecond === undefined) throw invalidBody('it is empty');
  const isRate = Number.isSafeInteger(samplesPerSecond) && (samplesPerSecond as number) > 0;
  if (samplesPerSecond !== undefined && samplesPerSecond !== null && !isRate) {
    throw invalidBody('samplesPerSecond is neither a whole number above 0 nor null');
  }
  if (paused !== undefined && typeof paused !== 'boolean') {
    throw invalidBody('paused is neither true nor false');
  }
  return {
    ...(paused === undefined ? {} : { isPaused: paused }),
    ...(samplesPerSecond === undefined
      ? {}
      : { samplesPerSecondMax: (samplesPerSecond as number | null) ?? 0 }),
  };
}

function invalidBody(detail: string): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_order',
    title: 'The body does not say what is to be done',
    detail,
    remedy:
      'Send {"rehearsed": true} to promote, {} to drop, and {"paused": true} or ' +
      '{"samplesPerSecond": 1000} to jobs.',
  });
}
