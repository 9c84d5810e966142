import { gzipSync } from 'node:zlib';
import { SampleFlag, SampleKind } from '@millrace/model';
import { IdentityKind, REDRIVE_PROTOCOL } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import type { EventsAnswer } from './http/push-answer.ts';
import type { Problem } from './http/problem.ts';
import { eventually } from './testing/eventually.ts';
import { closedGate } from './testing/gated-producer.ts';
import { messagePack } from './testing/message-pack.ts';
import { logUnavailable } from './testing/start-receiver.ts';
import { useReceivers } from './testing/use-receivers.ts';

const start = useReceivers();

const answerOf = async (response: Response): Promise<EventsAnswer> => {
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json');
  return (await response.json()) as EventsAnswer;
};
const problemOf = async (response: Response): Promise<Problem> => {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  return problem;
};

describe('POST /v1/events', () => {
  it('appends one event and answers what became of it', async () => {
    const { push, samples } = await start();
    const sent = Date.now();
    const response = await push({ name: 'orders', labels: { shop: 'a' }, value: 2, kind: 'event' });
    expect(await answerOf(response)).toEqual({
      accepted: 1,
      rejected: [],
      identity: 'none',
      horizon: '6h',
      token: expect.stringMatching(/^[A-Za-z0-9_-]+$/),
    });
    const [sample, ...rest] = await samples();
    expect(rest).toEqual([]);
    expect(sample).toMatchObject({
      labels: { __name__: 'orders', shop: 'a' },
      kind: SampleKind.event,
      value: 2,
      flags: SampleFlag.untimed,
    });
    expect(sample!.timeUs / 1000).toBeGreaterThanOrEqual(sent);
  });

  const sample = { name: 'load', labels: { host: 'a' }, value: 0.5, time: 1_700_000_000_123 };
  const bodies: [what: string, headers: Record<string, string>, body: Uint8Array | string][] = [
    ['JSON', { 'content-type': 'application/json' }, JSON.stringify(sample)],
    [
      'JSON with charset',
      { 'content-type': 'application/json; charset=utf-8' },
      JSON.stringify([sample]),
    ],
    [
      'JSON in an object',
      { 'content-type': 'Application/JSON' },
      JSON.stringify({ samples: [sample] }),
    ],
    ['NDJSON', { 'content-type': 'application/x-ndjson' }, `${JSON.stringify(sample)}\n`],
    ['MessagePack', { 'content-type': 'application/msgpack' }, messagePack([sample])],
    [
      'JSON with gzip',
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      gzipSync(JSON.stringify(sample)),
    ],
    [
      'MessagePack with gzip',
      { 'content-type': 'application/x-msgpack', 'content-encoding': 'GZIP' },
      gzipSync(messagePack(sample)),
    ],
  ];
  it.each(bodies)('takes %s', async (_what, headers, body) => {
    const { post, samples } = await start();
    const answer = await answerOf(await post('/v1/events', body, headers));
    expect(answer).toMatchObject({ accepted: 1, identity: 'digest' });
    const expected = { timeUs: 1_700_000_000_123_000, value: 0.5, flags: 0 };
    expect(await samples()).toMatchObject([expected]);
  });

  it('reads a body without a content type as JSON', async () => {
    const { url, samples } = await start();
    const body = new Blob([JSON.stringify(sample)]);
    await answerOf(await fetch(`${url}/v1/events`, { method: 'POST', body }));
    expect(await samples()).toHaveLength(1);
  });

  it('keeps the good samples beside bad ones and teaches about the bad', async () => {
    const { push, samples } = await start();
    const bad = { name: 'a', value: 'much' };
    const answer = await answerOf(await push([sample, bad, { value: 1 }, bad, bad, bad, sample]));
    expect(answer.accepted).toBe(2);
    expect(answer.rejected).toEqual([
      {
        reason: 'invalid_value',
        count: 4,
        examples: [
          expect.stringMatching(/^sample 1: /),
          expect.stringMatching(/^sample 3: /),
          expect.stringMatching(/^sample 4: /),
        ],
        remedy: expect.stringContaining('Send a number'),
      },
      expect.objectContaining({ reason: 'missing_name', count: 1 }),
    ]);
    expect(await samples()).toHaveLength(2);
  });

  it('answers 422 with the reasons when nothing was accepted, and appends nothing', async () => {
    const { push, records } = await start();
    const problem = await problemOf(await push([{ name: 'a' }, { value: 1 }]));
    expect(problem).toMatchObject({
      status: 422,
      code: 'all_rejected',
      detail: 'samples refused by reason: missing_value 1, missing_name 1',
      rejected: [{ reason: 'missing_value' }, { reason: 'missing_name' }],
    });
    expect(await records()).toEqual([]);
  });

  it('refuses what lies too far ahead for now, and what is old not at all', async () => {
    const { push, records } = await start({ settings: { futureSkewMs: 60_000 } });
    const now = Date.now();
    const at = (time: number) => ({ ...sample, time });
    const times = [now + 120_000, now, now - 400 * 86_400_000, now + 30_000, now + 120_000];
    const answer = await answerOf(await push(times.map(at)));
    expect(answer).toMatchObject({
      accepted: 3,
      rejected: [{ reason: 'time_too_far_in_future', count: 2 }],
    });
    const [record] = await records();
    expect([...record!.refused]).toEqual([0, 4]);
    expect([...record!.times]).toEqual(times.slice(1, 4).map((time) => time * 1000));
  });

  it('keeps two equal samples of one request', async () => {
    const { push, samples } = await start();
    const event = { name: 'clicks', value: 1, time: 1_700_000_000_000, kind: 'event' };
    expect(await answerOf(await push([event, event]))).toMatchObject({ accepted: 2 });
    expect(await samples()).toHaveLength(2);
  });

  it('gives samples without a time arrival times that never meet', async () => {
    const { push, samples } = await start({ partitions: 1 });
    const untimed = Array.from({ length: 500 }, () => ({ name: 'clicks', value: 1 }));
    await Promise.all([push(untimed), push(untimed), push(untimed)].map(async (one) => await one));
    const times = (await samples()).map(({ timeUs }) => timeUs);
    expect(new Set(times).size).toBe(1500);
  });

  it('never gives an arrival time twice when the clock steps back', async () => {
    let nowUs = 1_700_000_000_000_000;
    const clock = {
      nowUs: () => nowUs,
      sleep: async () => await new Promise<void>(() => undefined),
    };
    const { push, samples } = await start({ clock, partitions: 1 });
    await push([
      { name: 'a', value: 1 },
      { name: 'a', value: 1 },
    ]);
    nowUs -= 3_600_000_000;
    await push([{ name: 'a', value: 1 }]);
    const times = (await samples()).map(({ timeUs }) => timeUs - 1_700_000_000_000_000);
    expect(times).toEqual([0, 1, 2]);
  });
});

describe('the identity of a request', () => {
  const timed = { name: 'a', value: 1, time: 1_700_000_000_000 };
  const cases: [what: string, body: unknown, headers: Record<string, string>, identity: string][] =
    [
      ['a key', { name: 'a', value: 1 }, { 'idempotency-key': 'k1' }, 'key'],
      [
        'producer and sequence',
        { name: 'a', value: 1 },
        { 'millrace-producer': 'p', 'millrace-sequence': '7' },
        'sequence',
      ],
      ['samples with times', [timed, { ...timed, kind: 'counter' }], {}, 'digest'],
      ['events with ids', [{ name: 'a', value: 1, kind: 'event', id: 'x' }], {}, 'digest'],
      ['one sample without a time', [timed, { name: 'a', value: 1 }], {}, 'none'],
      ['one event without an id', [timed, { ...timed, kind: 'event' }], {}, 'none'],
    ];
  it.each(cases)('comes from %s', async (_what, body, headers, identity) => {
    const { push, records } = await start();
    expect(await answerOf(await push(body, headers))).toMatchObject({ identity });
    expect(await answerOf(await push(body, headers))).toMatchObject({ identity });
    const [first, second] = (await records()).map((record) => ({
      kind: record.identityKind,
      identity: Buffer.from(record.identity).toString('hex'),
    }));
    expect(first).toEqual(second);
    expect(first!.kind).toBe(IdentityKind[identity as keyof typeof IdentityKind]);
    expect(first!.identity).toHaveLength(identity === 'none' ? 0 : 32);
  });

  const wrong: [what: string, headers: Record<string, string>][] = [
    ['an empty key', { 'idempotency-key': '' }],
    ['a key that is too long', { 'idempotency-key': 'x'.repeat(257) }],
    ['a producer without a sequence', { 'millrace-producer': 'p' }],
    ['a sequence without a producer', { 'millrace-sequence': '1' }],
    ['a sequence that is no number', { 'millrace-producer': 'p', 'millrace-sequence': '1.5' }],
  ];
  it.each(wrong)('is refused for %s, before anything is kept', async (_what, headers) => {
    const { push, records } = await start();
    const problem = await problemOf(await push(timed, headers));
    expect(problem).toMatchObject({ status: 400, code: 'invalid_identity' });
    expect(await records()).toEqual([]);
  });
});

describe('a request from inside the process', () => {
  const body = Buffer.from(JSON.stringify([{ name: 'a', value: 1 }, { name: 'a' }]));

  it('goes the same way as one through HTTP', async () => {
    const { receiver, samples, records } = await start({
      components: { instance: 'ab'.repeat(8) },
    });
    const producer = { kind: 'key', key: 'k' } as const;
    const receipt = await receiver.receive({ protocol: 'events.json', body, producer });
    expect(receipt).toMatchObject({
      accepted: 1,
      rejected: [{ reason: 'missing_value', count: 1 }],
      identity: 'key',
      positions: [{ position: 1 }],
    });
    expect(await samples()).toHaveLength(1);
    expect((await records())[0]!.receiver).toBe('ab'.repeat(8));
  });

  it("is the own tenant's unless it names another", async () => {
    const { receiver, records } = await start({ partitions: 1 });
    const pushed = { protocol: 'events.json', body, producer: undefined } as const;
    await receiver.receive(pushed);
    await receiver.receive({ ...pushed, tenant: 'acme' });
    const letter = Buffer.from('{"labels":{"__name__":"a"},"kind":"gauge","timeUs":1,"value":"1"}');
    const producer = { kind: 'key', key: 'k' } as const;
    const redriven = { protocol: REDRIVE_PROTOCOL, body: letter, producer } as const;
    await receiver.receive({ ...redriven, tenant: 'acme' });
    await receiver.receive({ ...redriven, tenant: undefined });
    const tenants = (await records()).map(({ tenant }) => tenant);
    expect(tenants).toEqual(['default', 'acme', 'acme', 'default']);
  });

  it('keeps the same bounds', async () => {
    const gate = closedGate();
    const { receiver } = await start({
      wrapProducer: gate.wrap,
      settings: { inFlightBytesMax: 10 },
    });
    const request = { protocol: 'events.json', body, producer: undefined } as const;
    const first = receiver.receive(request);
    await eventually(() => gate.waiting === 1);
    await expect(receiver.receive(request)).rejects.toMatchObject({
      code: 'RECEIVER_OVERLOADED',
      kind: 'transient',
    });
    gate.open();
    expect(await first).toMatchObject({ accepted: 1 });
    expect(await receiver.receive(request)).toMatchObject({ accepted: 1 });
  });
});

describe('the records of one receiver', () => {
  it('are numbered for each partition, and tell how many samples came so far', async () => {
    const { push, records } = await start({ partitions: 2 });
    for (let round = 0; round < 4; round += 1) {
      await push(Array.from({ length: 20 }, (_, i) => ({ name: `m${i}`, value: round })));
    }
    const all = await records();
    expect(new Set(all.map(({ receiver }) => receiver)).size).toBe(1);
    const byPartition = [all.slice(0, 4), all.slice(4)];
    for (const lane of byPartition) {
      expect(lane.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
      let sum = 0;
      for (const [i, record] of lane.entries()) {
        // Each request was answered before the next one came, so all that came before is durable.
        expect(record.acknowledgedSamples).toBe(sum);
        expect(record.acknowledgedFrom).toBe(i === 0 ? -1 : 0);
        sum += record.values.length;
        expect(record.cumulativeSamples).toBe(sum);
      }
    }
  });

  it('count as acknowledged only what the log has taken', async () => {
    let appends = 0;
    const { push, records } = await start({
      partitions: 1,
      wrapProducer: (producer) => ({
        ...producer,
        append: async (...args) => {
          appends += 1;
          if (appends === 2) throw logUnavailable();
          return await producer.append(...args);
        },
      }),
    });
    const sizes = [3, 5, 2, 1];
    for (const [i, size] of sizes.entries()) {
      await push(Array.from({ length: size }, (_, n) => ({ name: `m${n}`, value: i })));
    }
    const told = (await records()).map(({ sequence, cumulativeSamples, acknowledgedSamples }) => {
      return [sequence, cumulativeSamples, acknowledgedSamples];
    });
    expect(told).toEqual([
      [1, 3, 0],
      [3, 10, 3],
      [4, 11, 5],
    ]);
  });

  it('stay below the size that the log takes, however big the request', async () => {
    const { post, records } = await start({ partitions: 2 });
    const lines = Array.from({ length: 60_000 }, (_, i) => {
      return JSON.stringify({
        name: 'big',
        labels: { i: String(i % 50) },
        value: i,
        kind: 'event',
      });
    });
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
    const answer = await answerOf(await post('/v1/events', gzipSync(lines.join('\n')), headers));
    expect(answer.accepted).toBe(60_000);
    const all = await records();
    expect(all.length).toBeGreaterThan(2);
    expect(all.reduce((sum, record) => sum + record.values.length, 0)).toBe(60_000);
    const parts = all.filter((_, i) => i > 0).map(({ part }, i) => part - all[i]!.part);
    expect(parts.every((step) => step === 1 || step < 0)).toBe(true);
  });
});
