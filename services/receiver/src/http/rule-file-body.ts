import { isUtf8 } from 'node:buffer';
import type { RulesVersion } from '@millrace/control';
import { parseRules, RULE_FILE_BYTES_MAX, type RuleProblem } from '@millrace/rules';
import { DecodeError } from '@millrace/wire';
import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import type { HttpRequest } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { readBody } from './request-body.ts';

/** How a rule file may be sent. */
export const RULE_FILE_TYPES = ['application/yaml', 'application/json'] as const;

/** The rules of the file that a request's body is. @throws RequestError with every fault. */
export async function readRules(
  { inFlight }: Readonly<{ inFlight: InFlightBytes }>,
  request: HttpRequest,
): Promise<Pick<RulesVersion, 'rules' | 'source'>> {
  const source = await readSource(inFlight, request);
  const parsed = parseRules(source);
  if (!parsed.ok) throw wrongFile(parsed.problems);
  return { rules: parsed.compiled, source };
}

async function readSource(inFlight: InFlightBytes, request: HttpRequest): Promise<string> {
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
