import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { nearestWord } from '@millrace/runtime';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { ReceiverEvents } from '../events.ts';
import type { ReceiverSettings } from '../settings.ts';
import type { HttpAnswer, HttpRequest, HttpRoute } from './http-exchange.ts';
import { OverloadError } from '../overload-error.ts';
import { checkParameters } from './check-parameters.ts';
import { foreignPath } from './foreign-paths.ts';
import { OpenConnections } from './open-connections.ts';
import { RawRequest } from './raw-request.ts';
import { discardRest } from './request-body.ts';
import { failureAnswer, isExpected, problemAnswer } from './problem.ts';

/** The HTTP server. Everything that knows what serves HTTP is in this file. */
export interface HttpApp {
  /**
   * Starts to listen, on the port of the settings unless told otherwise. Rejects with the
   * system's error, for example EADDRINUSE; another port may be tried then.
   */
  listen(port?: number): Promise<{ host: string; port: number }>;
  /** Takes no more requests, lets those under way finish for a while, then cuts them. */
  close(): Promise<void>;
}

/** Idle connections and slow headers are looked for this often. */
const CONNECTION_CHECK_MS = 1000;

interface Parts {
  routes: readonly HttpRoute[];
  settings: ReceiverSettings;
  events: ReceiverEvents;
}

export function createHttpApp(parts: Parts): HttpApp {
  const { settings, events } = parts;
  let closing = false;
  const direct = directRoutes(parts, () => closing);
  const app = fastify({
    serverFactory: (handler) =>
      createServer(
        {
          headersTimeout: settings.headersTimeoutMs,
          requestTimeout: settings.requestTimeoutMs,
          keepAliveTimeout: settings.keepAliveTimeoutMs,
          connectionsCheckingInterval: CONNECTION_CHECK_MS,
        },
        (request, response) => {
          if (!direct(request, response)) handler(request, response);
        },
      ),
    logger: false,
    // Ours say where and what, and are not answered with 503 by a stage that is being stopped.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const status = error.statusCode ?? 400;
      send(reply, refusal(status, 'bad_request', error.message));
    },
  });
  const connections = new OpenConnections(app.server);
  app.server.maxConnections = settings.connectionsMax;
  app.server.on('drop', () => events.connectionDropped());
  // Bodies are read by the routes, which know their bounds.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.addHook('onSend', async (_request, reply) => {
    // A connection that is kept alive would hold up the stop until its sender goes.
    if (closing) reply.header('connection', 'close');
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 503;
    if (status < 500) return send(reply, refusal(status, 'bad_request', error.message));
    events.failed({ route: request.routeOptions.url ?? 'none', error });
    return send(reply, failureAnswer(error, settings.retryAfterSeconds));
  });
  addRoutes(app, parts);
  return {
    listen: async (port = settings.port) => {
      // Senders that come all at once, after an outage, are not made to knock again.
      await app.listen({ host: settings.host, port, backlog: settings.connectionsMax });
      const address = app.server.address() as AddressInfo;
      return { host: address.address, port: address.port };
    },
    close: async () => {
      closing = true;
      connections.stop();
      await closeWithin(app, settings.stopMsMax);
    },
  };
}

/**
 * Answers requests for exactly the path of a hot route, which bring thousands of samples each and
 * come thousands of times a second; true when it does. Node's own server calls it: what fastify
 * does around a handler takes as long as everything that is done for a hundred samples. Whatever
 * else is asked of such a path goes the usual way, to the same handler.
 */
function directRoutes(
  parts: Parts,
  isClosing: () => boolean,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { routes, events, settings } = parts;
  const hot = new Map(routes.filter((route) => route.isHot).map((route) => [route.path, route]));
  const answerDirectly = async (
    route: HttpRoute,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const answer = await answerTo(route, new RawRequest(request, response), parts);
    events.answered({ route: route.path, status: answer.status });
    const whole = request.complete || (await discardRest(request, settings.requestBytesMax));
    if (!whole || isClosing()) response.setHeader('connection', 'close');
    const length = Buffer.byteLength(answer.body);
    // An answer without a body tells no length: 204 must not.
    response.writeHead(
      answer.status,
      length === 0 ? answer.headers : { ...answer.headers, 'content-length': length },
    );
    response.end(answer.body);
  };
  return (request, response) => {
    const route = request.method === 'POST' ? hot.get(request.url ?? '') : undefined;
    if (route === undefined) return false;
    answerDirectly(route, request, response).catch((error: unknown) => {
      events.failed({ route: route.path, error });
      response.destroy();
    });
    return true;
  };
}

function addRoutes(app: FastifyInstance, parts: Parts): void {
  const { routes, events } = parts;
  const bytesMax = parts.settings.requestBytesMax;
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    methods.set(route.path, [...(methods.get(route.path) ?? []), route.method]);
    app.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        const answer = await answerTo(route, toHttpRequest(request, reply), parts);
        events.answered({ route: route.path, status: answer.status });
        return await sendBehindBody(request, reply, answer, bytesMax);
      },
    });
  }
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const route = [...methods.keys()].find((known) => matchesPath(known, path));
    const allowed = route === undefined ? undefined : methods.get(route);
    const answer =
      allowed === undefined
        ? notFound(path, [...methods.keys()])
        : notAllowed(request.method, allowed);
    events.answered({ route: route ?? 'none', status: answer.status });
    return await sendBehindBody(request, reply, answer, bytesMax);
  });
}

function matchesPath(route: string, path: string): boolean {
  const wanted = route.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((segment, i) => segment === given[i] || segment.startsWith(':'))
  );
}

async function answerTo(
  route: HttpRoute,
  request: HttpRequest,
  { events, settings }: Parts,
): Promise<HttpAnswer> {
  try {
    checkParameters(request, route);
    return await route.handle(request);
  } catch (error) {
    if (error instanceof OverloadError) events.overloaded(error.bound);
    else if (!isExpected(error)) events.failed({ route: route.path, error });
    return failureAnswer(error, settings.retryAfterSeconds);
  }
}

function toHttpRequest(request: FastifyRequest, reply: FastifyReply): HttpRequest {
  return new RawRequest(request.raw, reply.raw, request.params as RawRequest['parameters']);
}

/** Answers once the body is out of the way; of a request without one that is at once. */
async function sendBehindBody(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: HttpAnswer,
  bytesMax: number,
): Promise<FastifyReply> {
  const whole = await discardRest(request.raw, bytesMax);
  if (!whole) reply.header('connection', 'close');
  return send(reply, answer);
}

function send(reply: FastifyReply, answer: HttpAnswer): FastifyReply {
  reply.code(answer.status).headers(answer.headers);
  // Of text fastify would change the content type.
  return reply.send(answer.body === '' ? undefined : Buffer.from(answer.body));
}

function notFound(path: string, known: readonly string[]): HttpAnswer {
  const nothing = `there is nothing at ${JSON.stringify(path.slice(0, 200))}`;
  const foreign = foreignPath(path);
  if (foreign !== undefined) {
    return refusal(404, 'not_found', `${nothing}: ${foreign.detail}`, foreign.remedy);
  }
  // A slash too many is what most often is wrong.
  const meant = nearestWord(`/${path.split('/').filter(Boolean).join('/')}`, known);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return refusal(404, 'not_found', `${nothing}${hint}`);
}

function notAllowed(method: string, allowed: readonly string[]): HttpAnswer {
  const detail = `${method} is not possible here, only ${allowed.join(', ')}`;
  const answer = refusal(405, 'method_not_allowed', detail);
  return { ...answer, headers: { ...answer.headers, allow: allowed.join(', ') } };
}

function refusal(
  status: number,
  code: string,
  detail: string,
  remedy = 'Send data to POST /v1/events, POST /v1/batch or POST /api/v1/write.',
): HttpAnswer {
  const titles: Readonly<Record<string, string>> = {
    not_found: 'There is no such path',
    method_not_allowed: 'The method is not allowed here',
    bad_request: 'The request cannot be understood',
    timeout: 'The request did not come in time',
  };
  return problemAnswer({ status, code, title: titles[code] ?? code, detail, remedy });
}

/** A request whose head or framing cannot be read at all: there is only its socket. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const tooLong = error.code === 'HPE_HEADER_OVERFLOW';
  const [status, reason] = late
    ? [408, 'Request Timeout']
    : tooLong
      ? [431, 'Request Header Fields Too Large']
      : [400, 'Bad Request'];
  const { body } = refusal(status, late ? 'timeout' : 'bad_request', error.message);
  const head =
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/problem+json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}

async function closeWithin(app: FastifyInstance, ms: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), ms);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}
