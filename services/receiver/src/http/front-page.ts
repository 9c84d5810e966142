import { readFileSync } from 'node:fs';
import { foreignPath } from './foreign-paths.ts';
import { headerOf, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';

/** Beside `src`, and at the same relative place from `dist`. */
const DIRECTORY = new URL('../../pages/', import.meta.url);

/**
 * Only what is of this process: names that senders chose are shown as text, and no page of anybody
 * else can frame this one.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `GET /`: for whoever opens the address in a browser, what `millrace status` tells. */
export function frontPageRoutes(): HttpRoute[] {
  const page = file('front.html', 'text/html; charset=utf-8');
  const script = file('front.js', 'text/javascript; charset=utf-8');
  return [
    {
      method: 'GET',
      path: '/',
      parameters: 'any',
      handle: async (request) => {
        if (!wantsPage(request)) throw noPage();
        return page;
      },
    },
    { method: 'GET', path: '/front.js', parameters: 'any', handle: async () => script },
  ];
}

function file(name: string, type: string): HttpAnswer {
  return {
    status: 200,
    headers: {
      'content-type': type,
      'cache-control': 'no-cache',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
    },
    body: readFileSync(new URL(name, DIRECTORY), 'utf8'),
  };
}

/** Programs take anything, and are better told where they should have gone. */
function wantsPage(request: HttpRequest): boolean {
  return headerOf(request, 'accept')?.includes('text/html') === true;
}

function noPage(): RequestError {
  const { detail, remedy } = foreignPath('/')!;
  const title = 'There is no such path';
  return new RequestError({ status: 404, code: 'not_found', title, detail, remedy });
}
