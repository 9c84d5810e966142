import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createMeter, silentLog, systemClock } from '@millrace/runtime';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { describe, expect, it } from 'vitest';
import { createReceiver } from '../receiver.ts';
import { receiverSettings } from '../settings.ts';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const body = JSON.stringify({ name: 'a', value: 1, time: 1_700_000_000_000 });

/** What a server answers to raw bytes before it closes the connection. */
async function answerTo(url: string, send: (socket: Socket) => void): Promise<string> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // A server may also reset a connection: what it answered before counts.
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  send(socket);
  await closed;
  return Buffer.concat(chunks).toString();
}

describe('the HTTP server', () => {
  it('answers 404 to paths that do not exist, as a problem', async () => {
    const { url } = await start();
    for (const [method, path] of [
      ['GET', '/'],
      ['POST', '/v1/event'],
      ['GET', '/v1/events/'],
      ['PURGE', '/x'],
    ] as const) {
      const response = await fetch(url + path, { method, ...(method === 'POST' ? { body } : {}) });
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ status: 404, code: 'not_found' });
    }
  });

  it('tells who comes from another system how to get here', async () => {
    const { url } = await start();
    for (const [path, detail, remedy] of [
      ['/write?db=a&precision=s', /line protocol of InfluxDB/, /vmagent/],
      ['/api/v2/write?bucket=b', /line protocol of InfluxDB/, /Telegraf/],
      ['/v1/metrics', /OTLP/, /OpenTelemetry Collector/],
      ['/metrics/job/a/instance/b', /Pushgateway/, /remote write/],
      ['/api/v1/query?query=up', /queries of Prometheus/, /samples_of/],
      ['/api/v1/label/job/values', /queries of Prometheus/, /samples_of/],
      ['/api/v1/writes', /^there is nothing at .*; did you mean \/api\/v1\/write\?$/, /POST \/v1/],
      ['/v1/events/', /did you mean \/v1\/events\?$/, /POST \/v1\/events/],
      ['//v1/events', /did you mean \/v1\/events\?$/, /POST \/v1\/events/],
      ['/nowhere/at/all', /^there is nothing at "\/nowhere\/at\/all"$/, /POST \/api\/v1\/write/],
    ] as const) {
      const response = await fetch(url + path, { method: 'POST', body });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({
        code: 'not_found',
        detail: expect.stringMatching(detail) as string,
        remedy: expect.stringMatching(remedy) as string,
      });
    }
  });

  it('answers 405 with Allow to other methods', async () => {
    const { url } = await start();
    for (const [method, path, allow] of [
      ['GET', '/v1/events', 'POST'],
      ['PUT', '/v1/events', 'POST'],
      ['DELETE', '/api/v1/write', 'POST'],
      ['POST', '/healthz', 'GET'],
      ['OPTIONS', '/metrics', 'GET'],
    ] as const) {
      const response = await fetch(url + path, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe(allow);
      expect(await response.json()).toMatchObject({ code: 'method_not_allowed' });
    }
  });

  it('answers HEAD as GET, without a body', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
    expect((await fetch(`${url}/v1/events`, { method: 'HEAD' })).status).toBe(405);
  });

  it('takes a chunked body without Content-Length', async () => {
    const { url, samples } = await start();
    const answer = await answerTo(url, (socket) => {
      socket.write('POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n');
      socket.write('Content-Type: application/json\r\nConnection: close\r\n\r\n');
      for (const byte of body) socket.write(`1\r\n${byte}\r\n`);
      socket.write('0\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(await samples()).toHaveLength(1);
  });

  it('does not believe a Content-Length that promises much', async () => {
    const { url } = await start();
    const answer = await answerTo(url, (socket) => {
      socket.write('POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n{');
      socket.end();
    });
    expect(answer).toMatch(/^(HTTP\/1\.1 400 .*)?$/s);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('answers a body beyond its bound although its sender is still sending', async () => {
    const { post } = await start({ settings: { requestBytesMax: 1024 * 1024 } });
    const response = await post('/v1/events', new Uint8Array(1_900_000));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: 'body_too_large' });
  });

  it('answers a refusal that did not need the body, and keeps the connection', async () => {
    const { url } = await start();
    const head = 'POST /v1/event HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n';
    const answer = await answerTo(url, (socket) => {
      socket.write(head + 'x'.repeat(200_000));
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 404 .*HTTP\/1\.1 200 /s);
  });

  it('closes the connection on a body that has no end', async () => {
    const { url } = await start({ settings: { requestBytesMax: 100_000 } });
    const head = 'POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await answerTo(url, (socket) => {
      socket.write(head);
      const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
      const more = (): void => {
        if (!socket.destroyed) socket.write(chunk, () => setImmediate(more));
      };
      more();
    });
    // The answer may be lost with the connection; what counts is that the flood ends.
    expect(answer).toMatch(/^(HTTP\/1\.1 413 .*)?$/s);
  });

  it('answers a path that cannot be decoded with a problem', async () => {
    const { url } = await start();
    const answer = await answerTo(url, (socket) => {
      socket.write('GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json/s);
  });

  it('answers what is no HTTP, and heads that are too long, with a problem', async () => {
    const { url } = await start();
    const broken = await answerTo(url, (socket) => socket.write('hello\r\n\r\n'));
    expect(broken).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json.*"bad_request"/s);
    const long = await answerTo(url, (socket) => {
      socket.write(`GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`);
    });
    expect(long).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('ends connections whose head or body does not come in time', async () => {
    const { url } = await start({ settings: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
    const noHead = answerTo(url, (socket) => socket.write('POST /v1/events HTTP/1.1\r\n'));
    const noBody = answerTo(url, (socket) => {
      socket.write('POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{');
    });
    expect(await noHead).toMatch(/^HTTP\/1\.1 408 /);
    expect(await noBody).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('takes only so many connections', async () => {
    const { url, meter } = await start({ settings: { connectionsMax: 2 } });
    const sockets = [1, 2].map(() => connect(Number(new URL(url).port), '127.0.0.1'));
    await Promise.all(sockets.map(async (socket) => await once(socket, 'connect')));
    expect(await answerTo(url, (socket) => socket.write('GET /healthz HTTP/1.1\r\n\r\n'))).toBe('');
    expect(await meter.exposition()).toContain('millrace_receiver_connections_dropped_total 1');
    for (const socket of sockets) socket.destroy();
  });

  it('forgets a body whose sender goes away', async () => {
    const { url, meter, push } = await start();
    await answerTo(url, (socket) => {
      socket.write('POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"name":');
      setImmediate(() => socket.destroy());
    });
    expect((await push({ name: 'a', value: 1 })).status).toBe(200);
    const measured = await meter.measurements();
    const held = measured.find(({ name }) => name === 'millrace_receiver_in_flight_bytes');
    expect(held!.value).toBe(0);
  });

  it('listens only on this machine unless told otherwise', async () => {
    const { url } = await start();
    expect(new URL(url).hostname).toBe('127.0.0.1');
  });

  it('says that a port is busy, and takes another one then', async () => {
    const { url } = await start();
    const busy = Number(new URL(url).port);
    const stream = openMemoryStream(new MemoryLog({ partitions: 1, clock: systemClock }));
    const receiver = createReceiver(
      { stream, clock: systemClock, log: silentLog, meter: createMeter(), logIds: [undefined] },
      receiverSettings({ port: busy }),
    );
    await expect(receiver.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const { port } = await receiver.listen(0);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    await receiver.stop();
  });
});

describe('health', () => {
  it('is told at every known path', async () => {
    const { url } = await start({
      components: { dependencies: () => [{ name: 'store', state: 'degraded', detail: 'away' }] },
    });
    for (const path of ['/healthz', '/-/healthy']) {
      const response = await fetch(url + path);
      expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
    }
    for (const path of ['/readyz', '/-/ready']) {
      const response = await fetch(url + path);
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({
        ready: true,
        dependencies: [
          { name: 'log', state: 'ok' },
          { name: 'store', state: 'degraded', detail: 'away' },
        ],
      });
    }
  });

  it('comes with our own metrics', async () => {
    const { url, push } = await start();
    await push([{ name: 'a', value: 1 }, { name: 'b' }]);
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    const text = await response.text();
    for (const line of [
      'millrace_receiver_samples_accepted_total{protocol="events.json"} 1',
      'millrace_receiver_samples_rejected_total{protocol="events.json",reason="missing_value"} 1',
      'millrace_receiver_requests_total{route="/v1/events",code="200"} 1',
      'millrace_receiver_append_seconds_count 1',
      'millrace_receiver_in_flight_bytes 0',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it('comes with the status of the process, or at least of the receiver', async () => {
    const alone = await start();
    const own = await (await fetch(`${alone.url}/api/v1/status`)).json();
    expect(own).toMatchObject({ stage: 'receiver', ready: true });
    const single = await start({ components: { status: async () => ({ stages: [] }) } });
    const given = await (await fetch(`${single.url}/api/v1/status`)).json();
    expect(given).toEqual({ stages: [] });
  });
});
