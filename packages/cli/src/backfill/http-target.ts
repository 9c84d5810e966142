import type { BackfillTarget, RejectedCount, SentAnswer } from '@millrace/backfill';
import type { EventsAnswer } from '@millrace/receiver';
import { MillraceError } from '@millrace/runtime';
import type { LedgerReport } from '@millrace/store';
import { whyUnanswered } from '../receiver-client.ts';

/** Longer than a receiver waits for its log, or for the store. */
const ANSWER_MS_MAX = 75_000;
const STORED_WAIT = '5s';

/** A receiver, wherever it is at the moment: one that is started again may have another port. */
export function httpTarget(
  params: Readonly<{
    findUrl: () => Promise<string>;
    /** Undefined: the sender's own. */
    tenant: string | undefined;
    signal: AbortSignal;
  }>,
): ReceiverTarget {
  const { findUrl, tenant, signal } = params;
  const ask = async (path: string, request: RequestInit): Promise<Answer> => {
    const base = await findUrl();
    const url = new URL(path, base.endsWith('/') ? base : `${base}/`);
    return await exchange(url, { ...request, signal: patient(signal) });
  };
  return {
    send: async (body) => {
      const headers = { 'content-type': 'application/msgpack' };
      // The times of a file were looked at when it was read.
      const query = `time_unit=us${tenant === undefined ? '' : `&${tenantQuery(tenant)}`}`;
      const answer = await ask(`v1/batch?${query}`, {
        method: 'POST',
        headers,
        body: Buffer.from(body),
      });
      return sentAnswer(answer);
    },
    stored: async (token) => {
      const query = new URLSearchParams({ token, wait: 'stored', timeout: STORED_WAIT });
      const answer = await ask(`api/v1/positions?${query.toString()}`, {});
      if (answer.status === 501) return undefined;
      if (answer.status !== 200) throw refused(answer);
      return answer.body['stored'] === true;
    },
    ledger: async () => {
      const answer = await ask(`api/v1/ledger?${tenantQuery(tenant ?? OWN_TENANT)}`, {});
      if (answer.status === 501) return undefined;
      if (answer.status !== 200) throw refused(answer);
      return answer.body as unknown as LedgerReport;
    },
  };
}

/** A receiver that also tells what the store counts. */
export interface ReceiverTarget extends BackfillTarget {
  /** Of the tenant; undefined: it has no view of the store. */
  ledger(): Promise<LedgerReport | undefined>;
}

/** Of all senders that do not name another. */
const OWN_TENANT = 'default';

function tenantQuery(tenant: string): string {
  return new URLSearchParams({ tenant }).toString();
}

interface Answer {
  url: URL;
  status: number;
  body: Record<string, unknown>;
}

function patient(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
}

async function exchange(url: URL, request: RequestInit): Promise<Answer> {
  try {
    const answer = await fetch(url, request);
    const text = await answer.text();
    return { url, status: answer.status, body: parsed(text) };
  } catch (error) {
    // A wish to stop comes out of here as it is.
    if (error instanceof MillraceError) throw error;
    throw new MillraceError({
      code: 'BACKFILL_UNANSWERED',
      kind: 'transient',
      message: `${url.origin} does not answer (${whyUnanswered(error)}); the request is repeated.`,
      remedy: 'Look whether it runs.',
      cause: error,
    });
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? { ...body } : {};
  } catch {
    return {};
  }
}

function sentAnswer(answer: Answer): SentAnswer {
  const { status, body } = answer;
  if (status === 200) {
    const { accepted, rejected, token } = body as unknown as EventsAnswer;
    return { accepted, rejected, token };
  }
  // Nothing of it is accepted, each sample for a reason of its own.
  const rejected = body['rejected'];
  if (status === 422 && Array.isArray(rejected)) {
    return { accepted: 0, rejected: rejected as RejectedCount[], token: undefined };
  }
  throw refused(answer);
}

function refused({ url, status, body }: Answer): MillraceError {
  const { code, detail, remedy } = body;
  const passes = status === 429 || status >= 500;
  if (typeof code === 'string' && typeof detail === 'string') {
    return new MillraceError({
      code: code.toUpperCase(),
      kind: passes ? 'transient' : 'permanent',
      message: `${detail}.`,
      ...(typeof remedy === 'string' ? { remedy } : {}),
    });
  }
  return new MillraceError({
    code: 'BACKFILL_REFUSED',
    kind: passes ? 'transient' : 'permanent',
    message: `${url.href} answers ${status}, and not as a receiver of this release does.`,
    remedy: 'Name the URL of a receiver with --url or MILLRACE_URL, as http://127.0.0.1:9480.',
  });
}
