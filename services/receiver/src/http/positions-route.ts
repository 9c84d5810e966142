import { OverloadError } from '../overload-error.ts';
import type { ReceiverSettings } from '../settings.ts';
import type { StoreWait } from '../positions/store-wait.ts';
import { decodeToken, shortLogId, type TokenPosition } from '../token.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { WAIT_PARAMETERS, waitMsOf, waitUnavailable } from './wait-parameters.ts';

/** How far the store has come with what a token stands for. */
export interface PositionsAnswer {
  stored: boolean;
  partitions: { partition: number; position: number; storedPosition: number; stored: boolean }[];
}

interface Parts {
  storeWait: StoreWait | undefined;
  settings: ReceiverSettings;
  /** The log's id in each partition, where it is known. */
  logIds: readonly (string | undefined)[];
}

/** `GET /api/v1/positions?token=…[&wait=stored[&timeout=5s]]`: read your writes. */
export function positionsRoute(parts: Parts): HttpRoute {
  return {
    method: 'GET',
    path: '/api/v1/positions',
    parameters: ['token', ...WAIT_PARAMETERS],
    handle: async (request) => answer(parts, request),
  };
}

async function answer(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const { storeWait, settings, logIds } = parts;
  const query = request.query();
  const positions = positionsOf(query.get('token'), logIds);
  const waitMs = waitMsOf(query, settings);
  if (storeWait === undefined) throw waitUnavailable();
  await storeWait.refresh(positions);
  if (waitMs !== undefined && !storeWait.isStored(positions)) {
    if (!storeWait.hasRoom) {
      throw new OverloadError('waiters', `${settings.waitersMax} requests wait for the store`);
    }
    await storeWait.wait(positions, waitMs, request.signal());
  }
  const partitions = positions.map(({ partition, position }) => {
    const storedPosition = storeWait.storedPosition(partition);
    return { partition, position, storedPosition, stored: storedPosition >= position };
  });
  const stored = partitions.every((entry) => entry.stored);
  const body: PositionsAnswer = { stored, partitions };
  return jsonAnswer(200, body);
}

function positionsOf(
  token: string | null,
  logIds: readonly (string | undefined)[],
): TokenPosition[] {
  const positions = token === null ? undefined : decodeToken(token);
  const fits = positions?.every(({ partition }) => partition < logIds.length);
  if (positions === undefined || fits !== true) {
    throw invalidToken('the token is missing or none that a receiver gave');
  }
  for (const { partition, logId } of positions) {
    const known = shortLogId(logIds[partition]);
    if (logId !== undefined && known !== undefined && logId !== known) {
      throw invalidToken('the token belongs to another log than the one this receiver writes');
    }
  }
  return positions;
}

function invalidToken(detail: string): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_token',
    title: 'The token cannot be used',
    detail,
    remedy: 'Use the token of an answer of POST /v1/events, unchanged.',
  });
}
