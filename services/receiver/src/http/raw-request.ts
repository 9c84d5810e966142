import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { HttpRequest } from './http-exchange.ts';

/** A request as Node's own server has it. */
export class RawRequest implements HttpRequest {
  readonly body: Readable;
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    parameters: Readonly<Record<string, string | undefined>> = {},
  ) {
    this.#request = request;
    this.#response = response;
    this.body = request;
    this.parameters = parameters;
  }

  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }

  query(): URLSearchParams {
    const { url = '' } = this.#request;
    return new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');
  }

  parameter(name: string): string {
    return this.parameters[name] ?? '';
  }

  signal(): AbortSignal {
    const response = this.#response;
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    if (response.destroyed) gone.abort();
    return gone.signal;
  }
}
