import { DecodeError } from '@millrace/wire';
import type { Intake } from '../intake/intake.ts';
import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import type { ReceiverSettings } from '../settings.ts';
import type { StoreWait } from '../positions/store-wait.ts';
import { mediaTypeOf, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { namedTenant } from './named-tenant.ts';
import { producerIdentity } from './producer-identity.ts';
import { pushAnswers } from './push-answer.ts';
import { bodyEncoding, readBody } from './request-body.ts';
import { WAIT_PARAMETERS } from './wait-parameters.ts';

const TYPES: ReadonlySet<string> = new Set([
  '',
  'application/msgpack',
  'application/x-msgpack',
  'application/vnd.msgpack',
]);

interface Parts {
  intake: Intake;
  inFlight: InFlightBytes;
  storeWait: StoreWait | undefined;
  settings: ReceiverSettings;
}

/** `POST /v1/batch[?tenant=NAME][&time_unit=us]`: the native columnar batch, plain or with gzip. */
export function batchRoute(parts: Parts): HttpRoute {
  const handle = async (request: HttpRequest) => receive(parts, request);
  const parameters = ['tenant', 'time_unit', ...WAIT_PARAMETERS];
  return { method: 'POST', path: '/v1/batch', parameters, isHot: true, handle };
}

async function receive(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const { intake, inFlight, storeWait, settings } = parts;
  intake.checkAge();
  checkType(request);
  const encoding = bodyEncoding(request);
  if (producerIdentity(request, settings.identityKeyBytesMax) !== undefined) throw namedTwice();
  const of = { tenant: namedTenant(request), isUnitKnown: isUnitKnown(request) };
  const answer = pushAnswers(request, { storeWait, settings });
  const lease = inFlight.lease();
  // The body is held by nobody while the log is waited for: see `Intake.receive`.
  const receipt = await readBody({ body: request.body, encoding, bounds: settings, lease }).then(
    (body) => intake.receive({ protocol: 'batch.v1', body, producer: undefined, lease, ...of }),
  );
  return await answer(receipt);
}

/** Whoever names the unit has times of January 1970, and not of today in milliseconds. */
function isUnitKnown(request: HttpRequest): boolean {
  const unit = request.query().get('time_unit');
  if (unit === null) return false;
  if (unit === 'us') return true;
  throw new RequestError({
    status: 400,
    code: 'invalid_parameter',
    title: 'The unit of times cannot be used',
    detail: `the parameter time_unit is ${JSON.stringify(unit.slice(0, 40))}`,
    remedy: 'Send times in microseconds, with time_unit=us or without.',
  });
}

function checkType(request: HttpRequest): void {
  const { type } = mediaTypeOf(request);
  if (TYPES.has(type)) return;
  const shown = JSON.stringify(type.slice(0, 100));
  throw new DecodeError('unsupported_media_type', `the content type is ${shown}`);
}

function namedTwice(): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_identity',
    title: 'The identity of the request cannot be used',
    detail: 'a batch names its producer, session and sequence itself, and there are headers too',
    remedy: 'Leave out Idempotency-Key, Millrace-Producer and Millrace-Sequence.',
  });
}
