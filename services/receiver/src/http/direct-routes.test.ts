import { request as send, type IncomingHttpHeaders } from 'node:http';
import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();

const T0 = 1_700_000_000_000;
const up = (timeMs: number): Uint8Array =>
  compressSnappy(encodeWriteRequest([{ labels: [['__name__', 'up']], samples: [[timeMs, 1]] }]));
const HEADERS = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };

interface Answered {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What comes, with all of its headers: `fetch` keeps some to itself. */
async function post(
  url: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>>,
): Promise<Answered> {
  return await new Promise((resolve, reject) => {
    const sent = send(url, { method: 'POST', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, headers: response.headers, body: text });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('a path that fastify does not stand in front of', () => {
  const cases: [what: string, status: number, body: Uint8Array, headers: Record<string, string>][] =
    [
      ['what is accepted', 204, up(T0), HEADERS],
      ['what is accepted in part', 400, up(Date.now() + 1e9), HEADERS],
      ['what is no snappy', 400, Buffer.from('???'), HEADERS],
      ['another type', 415, up(T0), { ...HEADERS, 'content-type': 'text/plain' }],
      ['what is too large', 413, new Uint8Array(200_000), HEADERS],
      ['half an identity', 400, up(T0), { ...HEADERS, 'millrace-producer': 'a' }],
    ];
  it.each(cases)('is answered as by fastify: %s', async (_what, status, body, headers) => {
    const { url, meter } = await start({ settings: { requestBytesMax: 100_000 } });
    const direct = await post(`${url}/api/v1/write`, body, headers);
    // The same route, asked in a way that is not the usual one.
    const usual = await post(`${url}/api/v1/write?`, body, headers);
    expect(direct.status).toBe(status);
    for (const { headers: told } of [direct, usual]) {
      // They tell of one request.
      delete told.date;
      delete told['millrace-token'];
    }
    expect(withoutTimes(direct)).toEqual(withoutTimes(usual));
    const counted = `millrace_receiver_requests_total{route="/api/v1/write",code="${status}"} 2`;
    expect(await meter.exposition()).toContain(`${counted}\n`);
  });

  it('takes other methods as fastify does', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/api/v1/write`, { method: 'PUT', body: 'x' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('keeps a connection for the next request, and closes it when the receiver stops', async () => {
    const { url, receiver } = await start({
      wrapProducer: (producer) => ({
        append: async (...record) => {
          // The stop begins while the request is under way, and waits for it.
          stopping ??= receiver.stop();
          return await producer.append(...record);
        },
        close: async () => await producer.close(),
      }),
    });
    let stopping: Promise<void> | undefined;
    const kept = await post(`${url}/api/v1/write`, Buffer.from('???'), {
      ...HEADERS,
      connection: 'keep-alive',
    });
    expect(kept.headers.connection).toBe('keep-alive');
    const last = await post(`${url}/api/v1/write`, up(T0), {
      ...HEADERS,
      connection: 'keep-alive',
    });
    expect([last.status, last.headers.connection]).toEqual([204, 'close']);
    await stopping;
  });
});

function withoutTimes(answered: Answered): Answered {
  const body = answered.body.replaceAll(/\d{4,} (ms|s)/g, 'some $1');
  const { 'content-length': length, ...headers } = answered.headers;
  return { ...answered, body, headers: length === undefined ? headers : { ...headers, length } };
}
