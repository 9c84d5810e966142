import { DecodeError } from '@millrace/wire';
import { formatDuration } from '../duration.ts';
import type { Intake, Protocol, Receipt } from '../intake.ts';
import type { InFlightBytes } from '../in-flight-bytes.ts';
import type { RejectedSamples } from '../rejections.ts';
import type { ReceiverSettings } from '../settings.ts';
import type { StoreWait } from '../store-wait.ts';
import { encodeToken } from '../token.ts';
import {
  encodingOf,
  jsonAnswer,
  mediaTypeOf,
  type HttpAnswer,
  type HttpRequest,
  type HttpRoute,
} from './http-exchange.ts';
import { problemAnswer } from './problem.ts';
import { producerIdentity } from './producer-identity.ts';
import { readBody } from './request-body.ts';
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

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  // A sender that names no type most likely sends JSON; the decoder tells if not.
  '': 'events.json',
  'application/json': 'events.json',
  'application/x-ndjson': 'events.ndjson',
  'application/ndjson': 'events.ndjson',
  'application/jsonl': 'events.ndjson',
  'application/msgpack': 'events.msgpack',
  'application/x-msgpack': 'events.msgpack',
  'application/vnd.msgpack': 'events.msgpack',
};

interface Parts {
  intake: Intake;
  inFlight: InFlightBytes;
  storeWait: StoreWait | undefined;
  settings: ReceiverSettings;
}

/** `POST /v1/events`: JSON, NDJSON or MessagePack, plain or with gzip. */
export function eventsRoute(parts: Parts): HttpRoute {
  return { method: 'POST', path: '/v1/events', handle: async (request) => receive(parts, request) };
}

async function receive(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const { intake, inFlight, storeWait, settings } = parts;
  // Everything that can be refused before the body is read is.
  intake.checkAge();
  const protocol = protocolOf(request);
  const encoding = bodyEncoding(request);
  const producer = producerIdentity(request, settings.identityKeyBytesMax);
  const waitMs = waitMsOf(request.query(), settings);
  if (waitMs !== undefined && storeWait === undefined) throw waitUnavailable();
  const lease = inFlight.lease();
  const body = await readBody({ body: request.body, encoding, bounds: settings, lease });
  const receipt = await intake.receive({ protocol, body, producer, lease });
  if (receipt.accepted === 0 && receipt.rejected.length > 0) return nothingAccepted(receipt);
  const answer: EventsAnswer = {
    accepted: receipt.accepted,
    rejected: receipt.rejected,
    identity: receipt.identity,
    horizon: formatDuration(settings.identityHorizonMs),
    token: encodeToken(receipt.positions),
  };
  if (waitMs !== undefined && storeWait !== undefined) {
    answer.stored = await storeWait.wait(receipt.positions, waitMs, request.signal());
  }
  return jsonAnswer(200, answer);
}

function protocolOf(request: HttpRequest): Protocol {
  const { type } = mediaTypeOf(request);
  const protocol = Object.hasOwn(PROTOCOLS, type) ? PROTOCOLS[type] : undefined;
  if (protocol !== undefined) return protocol;
  const shown = JSON.stringify(type.slice(0, 100));
  throw new DecodeError('unsupported_media_type', `the content type is ${shown}`);
}

function bodyEncoding(request: HttpRequest): 'identity' | 'gzip' {
  const encoding = encodingOf(request);
  if (encoding === 'identity') return 'identity';
  if (encoding === 'gzip' || encoding === 'x-gzip') return 'gzip';
  const shown = JSON.stringify(encoding.slice(0, 100));
  throw new DecodeError('unsupported_encoding', `the content encoding is ${shown}`);
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
