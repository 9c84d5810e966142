import type { PartitionLoss } from '@millrace/wire';
import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import type { RulesControl } from '../rules/rules-control.ts';
import type { ReceiverSettings } from '../settings.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { readBody } from './request-body.ts';
import { checkType, explained } from './rules-exchange.ts';

/** What `POST /api/v1/ledger/acknowledge` takes. */
export interface AcknowledgeBody {
  /** As the ledger says them, at most one of each partition. */
  losses: PartitionLoss[];
  note?: string;
}

interface Parts {
  rules: RulesControl;
  inFlight: InFlightBytes;
  settings: ReceiverSettings;
  /** P. */
  partitions: number;
}

const TYPES = ['application/json'] as const;
const BODY_BYTES_MAX = 64 * 1024;
const NOTE_BYTES_MAX = 1024;
const LOG_ID = /^[0-9a-f]{32}$/;

/**
 * `POST /api/v1/ledger/acknowledge`: a person knows what the log has lost. Readiness names what is
 * lost beyond that; no count changes.
 */
export function acknowledgeRoute(parts: Parts): HttpRoute {
  return {
    method: 'POST',
    path: '/api/v1/ledger/acknowledge',
    handle: (request) => explained(parts, acknowledge(parts, request)),
  };
}

async function acknowledge(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  checkType(request, TYPES);
  const { losses, note = '' } = await readLosses(parts, request);
  await parts.rules.acknowledge(losses, note);
  return jsonAnswer(200, { losses, note });
}

async function readLosses(
  { inFlight, partitions }: Parts,
  request: HttpRequest,
): Promise<AcknowledgeBody> {
  const lease = inFlight.lease();
  const bounds = { requestBytesMax: BODY_BYTES_MAX, decodedBytesMax: BODY_BYTES_MAX };
  try {
    const body = await readBody({ body: request.body, encoding: 'identity', bounds, lease });
    const read = lossesIn(body.toString('utf8'), partitions);
    if (typeof read === 'string') throw invalid(read);
    return read;
  } finally {
    lease.release();
  }
}

/** What a body says, or what is wrong with it. */
function lossesIn(text: string, partitions: number): AcknowledgeBody | string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  if (typeof body !== 'object' || body === null) return 'it is not an object';
  const { losses, note = '' }: Partial<Record<keyof AcknowledgeBody, unknown>> = body;
  if (typeof note !== 'string' || Buffer.byteLength(note) > NOTE_BYTES_MAX) {
    return `note is no text of at most ${NOTE_BYTES_MAX} bytes`;
  }
  if (!Array.isArray(losses) || losses.length === 0) return 'losses is not a list of some';
  const read = losses.map(lossOf);
  const sound = read.filter((loss) => loss !== undefined && loss.partition < partitions);
  const distinct = new Set(sound.map((loss) => loss?.partition));
  if (distinct.size !== losses.length) {
    return `losses are not one of each partition below ${partitions}, with logId and samples`;
  }
  return { losses: read.filter((loss) => loss !== undefined), note };
}

function lossOf(one: unknown): PartitionLoss | undefined {
  if (typeof one !== 'object' || one === null) return undefined;
  const { partition, logId, samples }: Partial<Record<keyof PartitionLoss, unknown>> = one;
  const isCount = (value: unknown): value is number => {
    return Number.isSafeInteger(value) && (value as number) >= 0;
  };
  if (!isCount(partition) || !isCount(samples)) return undefined;
  if (typeof logId !== 'string' || !LOG_ID.test(logId)) return undefined;
  return { partition, logId, samples };
}

function invalid(detail: string): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_losses',
    title: 'The body does not say which losses are known',
    detail,
    remedy: 'Use "millrace ledger acknowledge", which sends what the ledger says.',
  });
}
