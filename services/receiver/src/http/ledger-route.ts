import { MillraceError } from '@millrace/runtime';
import { ofTenant, type LedgerReport } from '@millrace/store';
import type { ReceiverSettings } from '../settings.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { problemAnswer, RequestError } from './problem.ts';

/** Asks the store for its ledger. @throws MillraceError when that cannot be asked. */
export type ReadLedger = () => Promise<LedgerReport>;

interface Parts {
  /** Undefined: there is no view of the store here. */
  ledger: ReadLedger | undefined;
  settings: ReceiverSettings;
}

/** `GET /api/v1/ledger[?tenant=NAME]`: where every accepted sample went. */
export function ledgerRoute(parts: Parts): HttpRoute {
  const handle = async (request: HttpRequest) => show(parts, request);
  return { method: 'GET', path: '/api/v1/ledger', parameters: ['tenant'], handle };
}

async function show({ ledger, settings }: Parts, request: HttpRequest): Promise<HttpAnswer> {
  if (ledger === undefined) throw unavailable();
  const tenant = request.query().get('tenant');
  try {
    const report = await ledger();
    return jsonAnswer(200, tenant === null ? report : ofTenant(report, tenant));
  } catch (error) {
    if (!(error instanceof MillraceError) || error.kind === 'defect') throw error;
    const { code, message, remedy } = error;
    const title = 'The ledger cannot be read now';
    return problemAnswer(
      { status: 503, code: code.toLowerCase(), title, detail: message, remedy },
      { 'retry-after': String(settings.retryAfterSeconds) },
    );
  }
}

function unavailable(): RequestError {
  return new RequestError({
    status: 501,
    code: 'ledger_unavailable',
    title: 'This receiver does not know what is stored',
    detail: 'it runs without a view of the store',
    remedy: 'Ask a receiver that has one (started with DATABASE_URL), or use "millrace ledger".',
  });
}
