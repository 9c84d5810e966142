import { createReceiver, receiverSettings, type Receiver } from '@millrace/receiver';
import { createMeter, silentLog, systemClock, type Meter } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlowConnections } from '../e2e/overload-load.ts';
import { push, until } from './running-millrace.ts';

const HEADS = 600;
const BODIES = 350;
const CONNECTIONS_MAX = 1000;
const MIB = 1024 * 1024;
/** Node's own cost of a connection, with room for what this process does beside. */
const GROWN_BYTES_MAX = 160 * MIB;

describe('a receiver with a thousand connections, nearly all of them slow', () => {
  let meter: Meter;
  let stream: Stream;
  let receiver: Receiver;
  let url: string;
  beforeEach(async () => {
    meter = createMeter();
    stream = openMemoryStream(new MemoryLog({ partitions: 4, clock: systemClock }));
    receiver = createReceiver(
      {
        stream,
        clock: systemClock,
        log: silentLog,
        meter,
        logIds: Array.from({ length: 4 }, () => undefined),
      },
      receiverSettings({
        port: 0,
        connectionsMax: CONNECTIONS_MAX,
        inFlightBytesMax: 8 * MIB,
        headersTimeoutMs: 3000,
        requestTimeoutMs: 6000,
      }),
    );
    const { host, port } = await receiver.listen();
    url = `http://${host}:${port}`;
  });
  afterEach(async () => {
    await receiver.stop();
    await stream.close();
  });

  it('serves the others, gives the slow ones up, and stays small', async () => {
    const before = process.memoryUsage.rss();
    const slow = await SlowConnections.open(url, { heads: HEADS, bodies: BODIES });
    try {
      let pushes = 0;
      let rssBytes = before;
      await until('all slow ones are given up', 30_000, async () => {
        const sample = { name: 'beside_slow_ones', value: pushes, kind: 'event', id: `${pushes}` };
        expect((await push(url, sample)).status).toBe(200);
        pushes += 1;
        rssBytes = Math.max(rssBytes, process.memoryUsage.rss());
        return slow.answers.length === HEADS + BODIES;
      });
      expect(pushes).toBeGreaterThan(20);
      expect(slow.answers.filter((answer) => answer.startsWith('HTTP/1.1 408'))).toHaveLength(
        HEADS + BODIES,
      );
      expect(rssBytes - before).toBeLessThan(GROWN_BYTES_MAX);
    } finally {
      slow.close();
    }
  }, 60_000);

  it('puts others off, with Retry-After, only while unfinished bodies hold all bytes', async () => {
    const full = await SlowConnections.open(url, { heads: 0, bodies: 40, bodyBytes: 250_000 });
    // Larger than what the refused ones among them leave free.
    const sample = JSON.stringify({ name: 'put_off', value: 1 }) + ' '.repeat(400_000);
    const headers = { 'content-type': 'application/json' };
    const answer = () => fetch(`${url}/v1/events`, { method: 'POST', headers, body: sample });
    try {
      await until('a request is put off', 5000, async () => {
        const { status, headers: answered } = await answer();
        if (status === 503) expect(Number(answered.get('retry-after'))).toBeGreaterThan(0);
        else expect(status).toBe(200);
        return status === 503;
      });
    } finally {
      full.close();
    }
    await until('it is taken', 5000, async () => (await answer()).status === 200);
  }, 30_000);

  it('refuses connections beyond its bound, and keeps those that there are', async () => {
    const many = await SlowConnections.open(url, { heads: 0, bodies: CONNECTIONS_MAX - 5 });
    const more = await SlowConnections.open(url, { heads: 50, bodies: 0 });
    try {
      await until('some are refused', 5000, async () => more.answers.length >= 40);
      expect(many.open).toBe(CONNECTIONS_MAX - 5);
      const dropped = /^millrace_receiver_connections_dropped_total (\d+)/m;
      expect(Number(dropped.exec(await meter.exposition())?.[1])).toBeGreaterThanOrEqual(40);
    } finally {
      more.close();
      many.close();
    }
  }, 30_000);
});
