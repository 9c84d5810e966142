import type { Health } from '@millrace/runtime';
import { frontPageRoutes } from './front-page.ts';
import { jsonAnswer, type HttpAnswer, type HttpRoute } from './http-exchange.ts';

interface Parts {
  health: () => Health;
  status: () => unknown;
  exposition: () => Promise<string>;
}

/** Liveness, readiness, status, our own metrics, and a page that shows them. */
export function healthRoutes(parts: Parts): HttpRoute[] {
  const alive = async () => jsonAnswer(200, { status: 'ok' });
  const ready = async () => readiness(parts.health());
  const status = async () => jsonAnswer(200, await parts.status());
  const metrics = async () => exposition(await parts.exposition());
  return [
    { method: 'GET', path: '/healthz', parameters: 'any', handle: alive },
    { method: 'GET', path: '/-/healthy', parameters: 'any', handle: alive },
    { method: 'GET', path: '/readyz', parameters: 'any', handle: ready },
    { method: 'GET', path: '/-/ready', parameters: 'any', handle: ready },
    { method: 'GET', path: '/api/v1/status', parameters: 'any', handle: status },
    { method: 'GET', path: '/metrics', parameters: 'any', handle: metrics },
    ...frontPageRoutes(),
  ];
}

function readiness(health: Health): HttpAnswer {
  return jsonAnswer(health.ready ? 200 : 503, health);
}

function exposition(body: string): HttpAnswer {
  const contentType = 'text/plain; version=0.0.4; charset=utf-8';
  return { status: 200, headers: { 'content-type': contentType }, body };
}
