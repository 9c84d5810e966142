import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import { STREAM_CODES, StreamError, type Producer } from '@millrace/stream';
import { describe, expect, it } from 'vitest';
import { eventually } from './testing/eventually.ts';
import { closedGate } from './testing/gated-producer.ts';
import { logUnavailable } from './testing/start-receiver.ts';
import { useReceivers } from './testing/use-receivers.ts';

const start = useReceivers();
const sample = { name: 'a', value: 1, time: 1_700_000_000_000 };
const samples = Array.from({ length: 40 }, (_, i) => ({ ...sample, name: `m${i}` }));

/** A log that refuses the appends of which `refuses` says so. */
function refusing(refuses: (partition: number) => boolean) {
  return (producer: Producer): Producer => ({
    append: async (topic, partition, payload) => {
      if (refuses(partition)) throw logUnavailable();
      return await producer.append(topic, partition, payload);
    },
    close: async () => await producer.close(),
  });
}

async function expectRetryable(response: Response, code: string): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await response.json()).toMatchObject({ status: 503, code, remedy: expect.any(String) });
}

describe('a log that cannot take a record', () => {
  it('makes the answer 503 with Retry-After, and the next request is taken again', async () => {
    let broken = true;
    const { push, samples: found } = await start({ wrapProducer: refusing(() => broken) });
    await expectRetryable(await push(sample), 'not_acknowledged');
    broken = false;
    expect((await push(sample)).status).toBe(200);
    expect(await found()).toHaveLength(1);
  });

  it('is never a 4xx for remote write either, which would make the sender drop data', async () => {
    const { post } = await start({ wrapProducer: refusing(() => true) });
    const series = [{ labels: [['__name__', 'up']] as const, samples: [[1, 1]] as const }];
    const body = compressSnappy(encodeWriteRequest(series));
    await expectRetryable(await post('/api/v1/write', body), 'not_acknowledged');
  });

  it('makes the answer 503 when one of several parts fails, and a retry is the same', async () => {
    let broken = true;
    const { push, records } = await start({
      wrapProducer: refusing((partition) => broken && partition === 2),
    });
    await expectRetryable(await push(samples), 'not_acknowledged');
    const before = await records();
    expect(before).toHaveLength(3);
    broken = false;
    expect((await push(samples)).status).toBe(200);
    const after = await records();
    expect(after).toHaveLength(7);
    const nameOf = (record: (typeof after)[number]): string =>
      `${Buffer.from(record.identity).toString('hex')}.${record.part}`;
    // One request, one identity: the transformer drops the three that are there twice.
    expect(new Set(after.map(nameOf)).size).toBe(1);
    const numbers = ['sequence', 'cumulativeSamples', 'receivedAtUs'] as const;
    for (const record of before) {
      const same: Partial<typeof record> = { ...record };
      for (const name of numbers) delete same[name];
      // Of the partition that refused it, nothing was known to be durable.
      delete same.acknowledgedSamples;
      delete same.acknowledgedFrom;
      // Of the others it was acknowledged what the labels of their series are.
      delete same.definitions;
      expect(after.filter((other) => other.sequence === 2)).toContainEqual(
        expect.objectContaining(same),
      );
    }
  });

  it('is told by /readyz until an append succeeds again', async () => {
    let broken = true;
    const { push, url, receiver } = await start({ wrapProducer: refusing(() => broken) });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    await push(sample);
    const unready = await fetch(`${url}/readyz`);
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({
      ready: false,
      dependencies: [
        { name: 'log', state: 'down', detail: expect.stringContaining('the disk of the test') },
      ],
    });
    expect(receiver.status()).toMatchObject({
      stage: 'receiver',
      ready: false,
      partitions: Array.from({ length: 4 }, () => ({ state: 'waiting' })),
    });
    broken = false;
    await push(sample);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it('is told for good when it is another log, with what to do', async () => {
    const remedy = 'millrace setup --accept-new-log';
    const replaced = (): StreamError =>
      new StreamError({ code: STREAM_CODES.replaced, message: 'It was made again.', remedy });
    const wrapProducer = (producer: Producer): Producer => ({
      append: async () => {
        throw replaced();
      },
      close: async () => await producer.close(),
    });
    let nowUs = 1_700_000_000_000_000;
    const clock = {
      nowUs: () => nowUs,
      sleep: async () => await new Promise<void>(() => undefined),
    };
    const { push, url } = await start({ wrapProducer, clock });
    await expectRetryable(await push(sample), 'not_acknowledged');
    nowUs += 3600 * 1_000_000;
    const unready = await fetch(`${url}/readyz`);
    expect(unready.status).toBe(503);
    const detail = (await unready.json()) as { dependencies: [{ detail: string }] };
    expect(detail.dependencies[0].detail).toMatch(/^RECEIVER_APPEND_FAILED: .*STREAM_REPLACED/);
    expect(detail.dependencies[0].detail).toContain(remedy);
  });

  it('answers 503 also when it fails in a way nobody expected', async () => {
    const wrapProducer = (producer: Producer): Producer => ({
      append: async () => {
        throw new TypeError('undefined is not a function');
      },
      close: async () => await producer.close(),
    });
    const { push } = await start({ wrapProducer });
    await expectRetryable(await push(sample), 'not_acknowledged');
  });
});

describe('a log that is slow', () => {
  it('gets no answer out before its flush', async () => {
    const gate = closedGate();
    const { push, samples: found } = await start({ wrapProducer: gate.wrap });
    let answered = false;
    const response = push(sample).then((one) => {
      answered = true;
      return one;
    });
    await eventually(() => gate.waiting === 1);
    for (let turn = 0; turn < 50; turn += 1) await eventually(() => true);
    expect(answered).toBe(false);
    expect(await found()).toEqual([]);
    gate.open();
    expect((await response).status).toBe(200);
  });

  it('makes nobody wait longer than the bound, and keeps the record that comes late', async () => {
    const gate = closedGate();
    const { push, samples: found } = await start({
      wrapProducer: gate.wrap,
      settings: { appendTimeoutMs: 30 },
    });
    await expectRetryable(await push(sample), 'overloaded');
    gate.open();
    await eventually(async () => (await found()).length === 1);
  });

  it('puts off new requests once the oldest append is too old', async () => {
    const gate = closedGate();
    let nowUs = 1_700_000_000_000_000;
    const clock = {
      nowUs: () => nowUs,
      sleep: async (_ms: number, signal?: AbortSignal) =>
        await new Promise<void>((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    };
    const { push, url, meter } = await start({ wrapProducer: gate.wrap, clock });
    const first = push(sample);
    await eventually(() => gate.waiting === 1);
    nowUs += 11_000_000;
    await expectRetryable(await push(sample), 'overloaded');
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect(gate.waiting).toBe(1);
    expect(await meter.exposition()).toContain(
      'millrace_receiver_overloads_total{bound="append_age"} 1',
    );
    gate.open();
    expect((await first).status).toBe(200);
    expect((await push(sample)).status).toBe(200);
  });

  it('holds no more than the bound of bytes, and says 503 beyond', async () => {
    const gate = closedGate();
    const inFlightBytesMax = 200_000;
    const { push, meter } = await start({
      wrapProducer: gate.wrap,
      settings: { inFlightBytesMax, connectionsMax: 200 },
      partitions: 1,
    });
    const labels = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`label${i}`, `${i}`.repeat(500)]),
    );
    const big = { ...sample, labels };
    const responses = Array.from({ length: 40 }, async () => await push(big));
    const answered = Array.from(responses, async (response) => (await response).status);
    await eventually(async () => {
      const overloads = (await meter.measurements()).find(
        ({ name }) => name === 'millrace_receiver_overloads_total',
      );
      return gate.waiting + (overloads?.value ?? 0) === 40;
    });
    const inFlight = (await meter.measurements()).find(
      ({ name }) => name === 'millrace_receiver_in_flight_bytes',
    );
    expect(inFlight!.value).toBeLessThanOrEqual(inFlightBytesMax + 25_000);
    gate.open();
    const statuses = await Promise.all(answered);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(5);
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(5);
    const rest = (await meter.measurements()).find(
      ({ name }) => name === 'millrace_receiver_in_flight_bytes',
    );
    expect(rest!.value).toBe(0);
    expect((await push(big)).status).toBe(200);
  });

  it('takes the parts of a big request in turn, not all at once', async () => {
    const gate = closedGate();
    const { post, samples: found } = await start({
      wrapProducer: gate.wrap,
      partitions: 1,
      settings: { partBytesMax: 200_000, appendBytesMax: 300_000 },
    });
    const lines = Array.from({ length: 20_000 }, (_, i) => JSON.stringify({ name: 'n', value: i }));
    const response = post('/v1/events', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    await eventually(() => gate.waiting > 0);
    for (let turn = 0; turn < 50; turn += 1) await eventually(() => true);
    expect(gate.waiting).toBe(2);
    gate.open();
    expect((await response).status).toBe(200);
    const values = (await found()).map(({ value }) => value);
    expect(values).toEqual(lines.map((_, i) => i));
  });

  it('appends no more parts of a request that failed', async () => {
    const gate = closedGate();
    const { post, samples: found } = await start({
      wrapProducer: gate.wrap,
      partitions: 1,
      settings: { partBytesMax: 200_000, appendBytesMax: 1 },
    });
    const lines = Array.from({ length: 40_000 }, (_, i) => JSON.stringify({ name: 'n', value: i }));
    const response = post('/v1/events', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    await eventually(() => gate.waiting === 1);
    gate.fail(logUnavailable());
    gate.open();
    await expectRetryable(await response, 'not_acknowledged');
    expect(await found()).toEqual([]);
  });
});

describe('a stop', () => {
  it('finishes the requests under way and takes no more', async () => {
    const gate = closedGate();
    const { push, receiver, url, samples: found } = await start({ wrapProducer: gate.wrap });
    const run = receiver.run();
    const response = push(sample);
    await eventually(() => gate.waiting === 1);
    const stopped = receiver.stop();
    await eventually(async () => await isRefused(url));
    expect(receiver.status().ready).toBe(false);
    expect(receiver.status().partitions[0]!.state).toBe('stopped');
    gate.open();
    expect((await response).status).toBe(200);
    await Promise.all([stopped, run]);
    expect(await found()).toHaveLength(1);
  });

  it('does not wait for ever', async () => {
    const gate = closedGate();
    const { push, receiver } = await start({
      wrapProducer: gate.wrap,
      settings: { stopMsMax: 20 },
    });
    const response = push(sample).catch((error: unknown) => error);
    await eventually(() => gate.waiting === 1);
    await receiver.stop();
    expect(await response).toBeInstanceOf(Error);
    gate.open();
  });
});

async function isRefused(url: string): Promise<boolean> {
  try {
    await fetch(`${url}/healthz`);
    return false;
  } catch {
    return true;
  }
}
