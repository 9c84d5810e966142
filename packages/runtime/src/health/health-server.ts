import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorText } from '../errors.ts';
import type { Health } from './health.ts';
import type { Log } from '../log/log.ts';

/** What a process tells about itself to those who look after it. */
export interface HealthSource {
  health(): Health;
  /** What `GET /api/v1/status` answers. */
  status(): unknown;
  /** What `GET /metrics` answers, in Prometheus' text format. */
  exposition(): Promise<string>;
}

/** The listener of a process that takes no data over HTTP. */
export interface HealthServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Whoever looks comes seldom, asks little and is answered at once. */
const CONNECTIONS_MAX = 100;
const REQUEST_MS_MAX = 5000;
const JSON_TYPE = 'application/json';
const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Answers `/healthz`, `/readyz` (and `/-/healthy`, `/-/ready`), `/metrics` and `/api/v1/status`.
 * Rejects with the system's error when it cannot listen, for example EADDRINUSE.
 */
export async function startHealthServer(
  source: HealthSource,
  params: Readonly<{
    host: string;
    port: number;
    log: Log;
    /** Any other path is answered 503 with Retry-After: who will answer it is not there yet. */
    isBusy?: boolean;
  }>,
): Promise<HealthServer> {
  const { host, port, log, isBusy = false } = params;
  const server = createServer(
    { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX },
    (request, response) => {
      answer(source, request, isBusy).then(
        (given) => send(response, given),
        (error: unknown) => {
          log.error({ url: request.url, error: errorText(error) }, 'A look at the process failed.');
          send(response, problem(500, 'failed', 'The log of the process has the reason.'));
        },
      );
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Answer {
  status: number;
  type: string;
  body: string;
  retryAfterSeconds?: number;
}

async function answer(
  source: HealthSource,
  request: IncomingMessage,
  isBusy: boolean,
): Promise<Answer> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const give = paths[path];
  if (give === undefined && isBusy) return busy();
  if (give === undefined) return problem(404, 'not_found', 'There is nothing at this path.');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return problem(405, 'method_not_allowed', 'Only GET is possible here.');
  }
  return await give(source);
}

const alive = async (): Promise<Answer> => json(200, { status: 'ok' });
const ready = async (source: HealthSource): Promise<Answer> => {
  const health = source.health();
  return json(health.ready ? 200 : 503, health);
};

const paths: Readonly<Record<string, (source: HealthSource) => Promise<Answer>>> = {
  '/healthz': alive,
  '/-/healthy': alive,
  '/readyz': ready,
  '/-/ready': ready,
  '/api/v1/status': async (source) => json(200, source.status()),
  '/metrics': async (source) => ({
    status: 200,
    type: EXPOSITION_TYPE,
    body: await source.exposition(),
  }),
};

function json(status: number, body: unknown): Answer {
  return { status, type: JSON_TYPE, body: JSON.stringify(body) };
}

function problem(status: number, code: string, detail: string): Answer {
  const body = JSON.stringify({ type: `urn:millrace:problem:${code}`, status, code, detail });
  return { status, type: 'application/problem+json', body };
}

/** Retryable, as every failure of ours. */
function busy(): Answer {
  const detail = 'What this process needs is away, and /readyz tells what. Send the same again.';
  return { ...problem(503, 'not_ready', detail), retryAfterSeconds: 1 };
}

function send(response: ServerResponse, answered: Answer): void {
  const { status, type, body, retryAfterSeconds } = answered;
  if (retryAfterSeconds !== undefined) {
    response.setHeader('retry-after', retryAfterSeconds);
    // The body of what was sent is not read.
    response.setHeader('connection', 'close');
  }
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
