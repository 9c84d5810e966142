import { nearestWord } from '@millrace/runtime';
import type { HttpRequest, HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';

/**
 * A parameter that is mistyped is not passed over: whoever wrote `wiat=stored` would read before
 * what was sent is there.
 *
 * @throws RequestError `invalid_parameter` for the first that the route does not know.
 */
export function checkParameters(request: HttpRequest, { parameters = [] }: HttpRoute): void {
  if (parameters === 'any') return;
  for (const name of request.query().keys()) {
    if (!parameters.includes(name)) throw unknownParameter(name, parameters);
  }
}

function unknownParameter(name: string, parameters: readonly string[]): RequestError {
  const meant = nearestWord(name, parameters);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return new RequestError({
    status: 400,
    code: 'invalid_parameter',
    title: 'There is no such query parameter',
    detail: `the parameter is ${JSON.stringify(name.slice(0, 40))}${hint}`,
    remedy:
      parameters.length === 0
        ? 'Leave it out: this path takes no parameters.'
        : `Use only ${parameters.join(', ')}.`,
  });
}
