import { REDRIVE_PROTOCOL, tellsReasons } from '@millrace/wire';
import type { Intake } from '../intake/intake.ts';
import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import type { RulesControl } from '../rules/rules-control.ts';
import type { ReceiverSettings } from '../settings.ts';
import { eventsAnswer, nothingAccepted } from './push-answer.ts';
import { jsonAnswer, type HttpAnswer, type HttpRequest, type HttpRoute } from './http-exchange.ts';
import { RequestError } from './problem.ts';
import { namedTenant } from './named-tenant.ts';
import { producerIdentity } from './producer-identity.ts';
import { readBody } from './request-body.ts';
import { checkType, explained } from './rules-exchange.ts';

interface Parts {
  intake: Intake;
  inFlight: InFlightBytes;
  rules: RulesControl;
  settings: ReceiverSettings;
}

const TYPES = ['application/json'] as const;

/**
 * `POST /api/v1/redrive[?tenant=NAME]`: one dead letter goes through the log again, see
 * `RedriveBody`. Its `Idempotency-Key` alone tells it from others, so that sending it twice counts
 * once.
 */
export function redriveRoute(parts: Parts): HttpRoute {
  return {
    method: 'POST',
    path: '/api/v1/redrive',
    parameters: ['tenant'],
    handle: (request) => redrive(parts, request),
  };
}

async function redrive(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const { intake, inFlight, rules, settings } = parts;
  intake.checkAge();
  checkType(request, TYPES);
  const producer = producerIdentity(request, settings.identityKeyBytesMax);
  if (producer?.kind !== 'key') throw noKey();
  const tenant = namedTenant(request);
  const known = await explained(parts, rules.read());
  if ('status' in known) return known;
  const { foldVersion } = known.inForce;
  if (!tellsReasons(foldVersion)) throw foldedTheOldWay(foldVersion);
  const lease = inFlight.lease();
  const body = await readBody({
    body: request.body,
    encoding: 'identity',
    bounds: settings,
    lease,
  });
  const protocol = REDRIVE_PROTOCOL;
  const receipt = await intake.receive({ protocol, body, producer, tenant, lease });
  if (receipt.accepted === 0) return nothingAccepted(receipt);
  return jsonAnswer(200, eventsAnswer(receipt, settings));
}

function noKey(): RequestError {
  return new RequestError({
    status: 400,
    code: 'invalid_identity',
    title: 'The identity of the request cannot be used',
    detail: 'a dead letter that is sent again needs an Idempotency-Key',
    remedy: 'Use "millrace dead redrive", which names each letter by its log and id.',
  });
}

/** It would be taken for a duplicate: what it was is remembered. */
function foldedTheOldWay(foldVersion: number): RequestError {
  return new RequestError({
    status: 409,
    code: 'redrive_fold_version',
    title: 'This log is folded in a way that does not know dead letters',
    detail: `fold version ${foldVersion} is in force, and 2 is needed`,
    remedy:
      'Bring it into force with "millrace rules upgrade", once every stage runs this release.',
  });
}
