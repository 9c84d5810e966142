import { DecodeError } from '@millrace/wire';
import type { Intake, PushedRequest } from '../intake/intake.ts';
import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import type { ReceiverSettings } from '../settings.ts';
import type { StoreWait } from '../positions/store-wait.ts';
import { mediaTypeOf, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { producerIdentity } from './producer-identity.ts';
import { pushAnswers } from './push-answer.ts';
import { bodyEncoding, readBody } from './request-body.ts';
import { WAIT_PARAMETERS } from './wait-parameters.ts';

const PROTOCOLS: Readonly<Record<string, PushedRequest['protocol']>> = {
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

const NAME_JSON = `add -H 'Content-Type: application/json'`;

/**
 * Why somebody most likely sends such a type. The first two are not taken for JSON, because a page
 * of anybody could have a browser send them here.
 */
const HINTS: Readonly<Record<string, string>> = {
  'application/x-www-form-urlencoded': `curl says so unless it is told; ${NAME_JSON}`,
  'text/plain': NAME_JSON,
  'application/x-protobuf': 'remote write goes to POST /api/v1/write',
};

interface Parts {
  intake: Intake;
  inFlight: InFlightBytes;
  storeWait: StoreWait | undefined;
  settings: ReceiverSettings;
}

/** `POST /v1/events`: JSON, NDJSON or MessagePack, plain or with gzip. */
export function eventsRoute(parts: Parts): HttpRoute {
  const handle = async (request: HttpRequest) => receive(parts, request);
  return { method: 'POST', path: '/v1/events', parameters: WAIT_PARAMETERS, handle };
}

async function receive(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const { intake, inFlight, storeWait, settings } = parts;
  // Everything that can be refused before the body is read is.
  intake.checkAge();
  const protocol = protocolOf(request);
  const encoding = bodyEncoding(request);
  const producer = producerIdentity(request, settings.identityKeyBytesMax);
  const answer = pushAnswers(request, { storeWait, settings });
  const lease = inFlight.lease();
  const body = await readBody({ body: request.body, encoding, bounds: settings, lease });
  const receipt = await intake.receive({ protocol, body, producer, lease });
  return await answer(receipt);
}

function protocolOf(request: HttpRequest): PushedRequest['protocol'] {
  const { type } = mediaTypeOf(request);
  const protocol = Object.hasOwn(PROTOCOLS, type) ? PROTOCOLS[type] : undefined;
  if (protocol !== undefined) return protocol;
  const shown = JSON.stringify(type.slice(0, 100));
  const hint = Object.hasOwn(HINTS, type) ? `: ${HINTS[type]}` : '';
  throw new DecodeError('unsupported_media_type', `the content type is ${shown}${hint}`);
}
