import type { RuleProblem } from '@millrace/rules';
import { errorKind, errorText, MillraceError } from '@millrace/runtime';
import { DecodeError, REJECT_REASONS } from '@millrace/wire';
import { OverloadError } from '../overload-error.ts';
import type { RejectedSamples } from '../requests/rejections.ts';
import type { HttpAnswer } from './http-exchange.ts';

/** Why a request failed, as RFC 9457 problem details. */
export interface Problem {
  status: number;
  /** Stable: senders match on it. */
  code: string;
  title: string;
  detail: string;
  remedy?: string | undefined;
  rejected?: readonly RejectedSamples[];
  /** Every fault of a rule file. */
  problems?: readonly RuleProblem[];
}

/** A request that is wrong in itself, beside its samples: thrown by routes. */
export class RequestError extends MillraceError {
  readonly problem: Problem;

  constructor(problem: Problem) {
    const { code, title, detail, remedy } = problem;
    super({
      code: `REQUEST_${code.toUpperCase()}`,
      kind: 'permanent',
      message: `${title}: ${detail}.`,
      ...(remedy === undefined ? {} : { remedy }),
    });
    this.name = 'RequestError';
    this.problem = problem;
  }
}

export function problemAnswer(
  problem: Problem,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const { status, code, title, detail, remedy, rejected, problems } = problem;
  const type = `urn:millrace:problem:${code}`;
  const body = { type, title, status, detail, code, remedy, rejected, problems };
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify(body),
  };
}

/**
 * The answer to a request that failed. Only what is wrong with the request itself is a 4xx; all
 * else is 503, also what nobody expected, because a sender gives up on 4xx and on some 500s.
 */
export function failureAnswer(error: unknown, retryAfterSeconds: number): HttpAnswer {
  if (error instanceof DecodeError) return problemAnswer(refusalProblem(error));
  if (error instanceof RequestError) return problemAnswer(error.problem);
  const retry = { 'retry-after': String(retryAfterSeconds) };
  if (error instanceof OverloadError) return problemAnswer(overloadProblem(error), retry);
  return problemAnswer(failureProblem(error), retry);
}

/** Whether an error is one that a sender must hear of and an operator need not. */
export function isExpected(error: unknown): boolean {
  return (
    error instanceof DecodeError || error instanceof RequestError || errorKind(error) !== 'defect'
  );
}

function refusalProblem(error: DecodeError): Problem {
  const { status, title, remedy } = REJECT_REASONS[error.reason];
  return { status, code: error.reason, title, detail: error.detail, remedy };
}

function overloadProblem(error: OverloadError): Problem {
  const { message, remedy } = error;
  return {
    status: 503,
    code: 'overloaded',
    title: 'Too much is under way',
    detail: message,
    remedy,
  };
}

function failureProblem(error: unknown): Problem {
  const ours = error instanceof MillraceError && error.kind !== 'defect';
  return {
    status: 503,
    code: 'not_acknowledged',
    title: 'The request could not be finished',
    detail: ours ? errorText(error) : 'an unexpected error of ours; the log of the receiver has it',
    remedy: ours ? error.remedy : 'Send the same request again.',
  };
}
