import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/** A request as the routes see it, whatever serves HTTP. */
export interface HttpRequest {
  query(): URLSearchParams;
  /** What stands in the path where the route's has `:name`. */
  parameter(name: string): string;
  headers: IncomingHttpHeaders;
  /** The bytes as they come over the wire. */
  body: Readable;
  /** Aborts when the sender is gone before it was answered. */
  signal(): AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
}

export interface HttpRoute {
  method: 'GET' | 'POST';
  /** Segments such as `:number` stand for any text without a slash. */
  path: string;
  /** What a query may name; left out: nothing. Of `any`, what is not known is passed over. */
  parameters?: readonly string[] | 'any';
  /** Whether so many requests are for it that nothing may stand between it and the server. */
  isHot?: boolean;
  /** Errors become problem answers. */
  handle(request: HttpRequest): Promise<HttpAnswer>;
}

export function jsonAnswer(status: number, body: unknown): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

export function textAnswer(status: number, body: string): HttpAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

/** A header's value; of one that came several times, the first. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** `Application/JSON; charset=utf-8` as `application/json` and its parameters, in lower case. */
export function mediaTypeOf(request: HttpRequest): {
  type: string;
  parameters: ReadonlyMap<string, string>;
} {
  const [type = '', ...rest] = (headerOf(request, 'content-type') ?? '').toLowerCase().split(';');
  const parameters = rest.map((parameter): [string, string] => {
    const [name = '', value = ''] = parameter.split('=', 2);
    return [name.trim(), value.trim().replaceAll('"', '')];
  });
  return { type: type.trim(), parameters: new Map(parameters) };
}

/** The one encoding of a body, in lower case; `identity` when none is named. */
export function encodingOf(request: HttpRequest): string {
  const encoding = headerOf(request, 'content-encoding')?.trim().toLowerCase();
  return encoding === undefined || encoding === '' ? 'identity' : encoding;
}
