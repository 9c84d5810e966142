import { MillraceError } from '@millrace/runtime';
import { DecodeError } from '@millrace/wire';
import { OverloadError } from '../overload-error.ts';
import type { ReceiverSettings } from '../settings.ts';
import { encodingOf, mediaTypeOf, type HttpAnswer, type HttpRequest } from './http-exchange.ts';
import { problemAnswer, RequestError } from './problem.ts';

/** Errors that are not for 503: what the sender asked for cannot be had now, or ever. */
const STATUS_OF: ReadonlyMap<string, number> = new Map([
  ['RULES_OUTRUN', 409],
  ['RULES_BUSY', 409],
  ['RULES_TOO_OFTEN', 409],
  ['RULES_TOO_BIG', 413],
  ['RULES_FOLD_VERSION', 409],
  ['REPROCESS_SINCE', 422],
  ['CANDIDATES_FULL', 409],
  ['CANDIDATE_UNKNOWN', 404],
  ['CANDIDATE_IN_FORCE', 409],
]);

/**
 * `types` are those that no page of another origin can send without asking first (a preflight,
 * which is answered 405): so nobody who merely looks at such a page changes anything. Without a
 * type, or as text or a form, a browser would send it at once.
 */
export function checkType(request: HttpRequest, types: readonly string[]): void {
  const { type } = mediaTypeOf(request);
  const encoding = encodingOf(request);
  if (types.includes(type) && encoding === 'identity') return;
  const shown = JSON.stringify((types.includes(type) ? encoding : type).slice(0, 100));
  throw new RequestError({
    status: 415,
    code: types.includes(type) ? 'unsupported_encoding' : 'unsupported_media_type',
    title: 'A change cannot be taken like this',
    detail: `the content ${types.includes(type) ? 'encoding' : 'type'} is ${shown}`,
    remedy: `Send it as it is, with Content-Type: ${types.join(' or ')}.`,
  });
}

export function isPlanned(plan: string | null): boolean {
  if (plan === null || plan === 'false') return false;
  if (plan === 'true') return true;
  const detail = `plan is ${JSON.stringify(plan.slice(0, 40))}, not true or false`;
  throw invalidParameter(detail, 'Ask with ?plan=true what would change, or leave it out.');
}

export function invalidParameter(detail: string, remedy: string): RequestError {
  const title = 'A query parameter cannot be understood';
  return new RequestError({ status: 400, code: 'invalid_parameter', title, detail, remedy });
}

/** Errors of the rules themselves with a code of their own; all others as everywhere. */
export async function explained<T>(
  { settings }: Readonly<{ settings: ReceiverSettings }>,
  doing: Promise<T>,
): Promise<T | HttpAnswer> {
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
