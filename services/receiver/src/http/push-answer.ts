import { formatDuration } from './duration.ts';
import type { Receipt } from '../intake/intake.ts';
import type { RejectedSamples } from '../requests/rejections.ts';
import type { ReceiverSettings } from '../settings.ts';
import type { StoreWait } from '../positions/store-wait.ts';
import { encodeToken } from '../token.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest } from './http-exchange.ts';
import { problemAnswer } from './problem.ts';
import { waitMsOf, waitUnavailable } from './wait-parameters.ts';

/** The answer to a push of which something (or nothing at all) was accepted. */
export interface EventsAnswer {
  accepted: number;
  rejected: readonly RejectedSamples[];
  identity: Receipt['identity'];
  /** How long a retry of this request is recognised. */
  horizon: string;
  /** For `GET /api/v1/positions`. */
  token: string;
  /** Only when asked to wait: whether everything accepted is in the store. */
  stored?: boolean;
}

/**
 * How a push is answered once its receipt is there. What is wrong with the request's wish to wait
 * for the store is told before its body is read.
 */
export function pushAnswers(
  request: HttpRequest,
  parts: Readonly<{ storeWait: StoreWait | undefined; settings: ReceiverSettings }>,
): (receipt: Receipt) => Promise<HttpAnswer> {
  const { storeWait, settings } = parts;
  const waitMs = waitMsOf(request.query(), settings);
  if (waitMs !== undefined && storeWait === undefined) throw waitUnavailable();
  return async (receipt) => {
    if (receipt.accepted === 0 && receipt.rejected.length > 0) return nothingAccepted(receipt);
    const answer = eventsAnswer(receipt, settings);
    if (waitMs !== undefined && storeWait !== undefined) {
      answer.stored = await storeWait.wait(receipt.positions, waitMs, request.signal());
    }
    return jsonAnswer(200, answer);
  };
}

export function eventsAnswer(receipt: Receipt, settings: ReceiverSettings): EventsAnswer {
  return {
    accepted: receipt.accepted,
    rejected: receipt.rejected,
    identity: receipt.identity,
    horizon: formatDuration(settings.identityHorizonMs),
    token: encodeToken(receipt.positions),
  };
}

export function nothingAccepted(receipt: Receipt): HttpAnswer {
  const counts = receipt.rejected.map(({ reason, count }) => `${reason} ${count}`);
  const [first] = receipt.rejected;
  return problemAnswer({
    status: 422,
    code: first !== undefined && receipt.rejected.length === 1 ? first.reason : 'all_rejected',
    title: 'No sample of the request was accepted',
    detail: `samples refused by reason: ${counts.join(', ')}`,
    remedy: first?.remedy,
    rejected: receipt.rejected,
  });
}
