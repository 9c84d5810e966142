import { DecodeError } from '@millrace/wire';
import type { Intake, Receipt } from '../intake/intake.ts';
import type { InFlightBytes } from '../intake/in-flight-bytes.ts';
import type { ReceiverSettings } from '../settings.ts';
import { encodeToken } from '../token.ts';
import {
  encodingOf,
  mediaTypeOf,
  textAnswer,
  type HttpAnswer,
  type HttpRequest,
  type HttpRoute,
} from './http-exchange.ts';
import { producerIdentity } from './producer-identity.ts';
import { readBody } from './request-body.ts';

const PROTO_V1 = 'prometheus.writerequest';
const PROTO_V2 = 'io.prometheus.write.v2.request';
const HINT_V2 = ', remote write 2.0; leave protobuf_message out of the sender: 1.0 is taken';
const HINT_JSON = ': JSON goes to POST /v1/events';

interface Parts {
  intake: Intake;
  inFlight: InFlightBytes;
  settings: ReceiverSettings;
}

/**
 * Prometheus remote write 1.0. No `X-Prometheus-Remote-Write-*-Written` headers: they belong to
 * 2.0, and senders of 1.0 raise false alarms over them.
 */
export function remoteWriteRoutes(parts: Parts): HttpRoute[] {
  const handle = async (request: HttpRequest) => receive(parts, request);
  const paths = ['/api/v1/write', '/api/v1/push'];
  // What a proxy on the way adds is no fault of the sender's, who would drop its samples for it.
  return paths.map((path) => ({ method: 'POST', path, parameters: 'any', isHot: true, handle }));
}

async function receive(parts: Parts, request: HttpRequest): Promise<HttpAnswer> {
  const { intake, inFlight, settings } = parts;
  intake.checkAge();
  checkType(request);
  checkEncoding(request);
  const producer = producerIdentity(request, settings.identityKeyBytesMax);
  const lease = inFlight.lease();
  const bounds = settings;
  // The body is held by nobody while the log is waited for: see `Intake.receive`.
  const receipt = await readBody({ body: request.body, encoding: 'identity', bounds, lease }).then(
    (body) => intake.receive({ protocol: 'remote_write.v1', body, producer, lease }),
  );
  const token = encodeToken(receipt.positions);
  if (receipt.rejected.length === 0) return accepted(token);
  const answer = refused(receipt);
  return { ...answer, headers: { ...answer.headers, 'millrace-token': token } };
}

/** As all senders write it: then there is nothing to be taken apart. */
const USUAL_TYPE = 'application/x-protobuf';

function checkType(request: HttpRequest): void {
  if (request.headers['content-type'] === USUAL_TYPE) return;
  const { type, parameters } = mediaTypeOf(request);
  const proto = parameters.get('proto') ?? PROTO_V1;
  if ((type === '' || type === USUAL_TYPE) && proto === PROTO_V1) return;
  const named = parameters.has('proto') ? `${type};proto=${proto}` : type;
  const shown = JSON.stringify(named.slice(0, 100));
  const hint = proto === PROTO_V2 ? HINT_V2 : type.includes('json') ? HINT_JSON : '';
  throw new DecodeError('unsupported_media_type', `the content type is ${shown}${hint}`);
}

function checkEncoding(request: HttpRequest): void {
  if (request.headers['content-encoding'] === 'snappy') return;
  const encoding = encodingOf(request);
  // The protocol knows no other: without a header it is snappy all the same.
  if (encoding === 'snappy' || encoding === 'identity') return;
  const shown = JSON.stringify(encoding.slice(0, 100));
  throw new DecodeError('unsupported_encoding', `the content encoding is ${shown}`);
}

function accepted(token: string): HttpAnswer {
  return { status: 204, headers: { 'millrace-token': token }, body: '' };
}

/** The sender drops what was refused and goes on; its log shows the first line. */
function refused(receipt: Receipt): HttpAnswer {
  const lines = receipt.rejected.map(({ reason, count, examples, remedy }) => {
    const example = printable(examples[0] ?? '');
    return `${reason}: ${count} samples refused (${example}). ${remedy}`;
  });
  const summary = `All other samples (${receipt.accepted}) were accepted; do not send them again.`;
  return textAnswer(400, [...lines, summary, ''].join('\n'));
}

/** A line of the answer must stay one line, whatever a label holds. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}
