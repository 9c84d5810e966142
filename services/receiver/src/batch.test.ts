import { gzipSync } from 'node:zlib';
import { SampleFlag, SampleKind, STALE_NAN_HIGH, STALE_NAN_LOW, type Label } from '@millrace/model';
import { encodeBatch, IdentityKind, type BatchFields } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import {
  logUnavailable,
  type StartedReceiver,
  type StartOptions,
} from './testing/start-receiver.ts';
import { useReceivers } from './testing/use-receivers.ts';

const start = useReceivers();
const TIME_US = 1_700_000_000_000_001;
const session = Uint8Array.from({ length: 16 }, (_, i) => i);

function labelsOf(job: string): Label[] {
  return [
    ['job', job],
    ['__name__', 'up'],
  ];
}

function tableOf(first: number, ...jobs: string[]): NonNullable<BatchFields['table']> {
  return { first, kinds: [SampleKind.gauge], labels: jobs.map(labelsOf) };
}

interface PushAnswer {
  accepted: number;
  rejected: { reason: string; count: number; examples: string[] }[];
}

let sequence = 0;

/** A batch of one sample for each of the series. */
function batchOf(series: number[], changes: Partial<BatchFields> = {}): BatchFields {
  sequence += 1;
  return {
    ...{ producer: 'p', session, sequence },
    series: Uint32Array.from(series),
    timesUs: [TIME_US + sequence],
    values: Float64Array.from(series),
    ...changes,
  };
}

async function started(options: StartOptions = {}) {
  const one = await start({ partitions: 1, ...options });
  const send = async (batch: BatchFields, headers = {}): Promise<Response> =>
    await sendBody(one, encodeBatch(batch), headers);
  const jobs = async (): Promise<(string | undefined)[]> =>
    (await one.samples()).map(({ labels }) => labels['job']);
  return { ...one, send, jobs };
}

async function sendBody({ post }: StartedReceiver, body: Uint8Array, headers = {}) {
  const type = { 'content-type': 'application/msgpack' };
  return await post('/v1/batch', Uint8Array.from(body), { ...type, ...headers });
}

async function expectRefused(answer: Response, status: number, code: string): Promise<string> {
  expect(answer.status).toBe(status);
  const problem = (await answer.json()) as { code: string; detail: string; remedy: string };
  expect(problem).toMatchObject({ status, code, remedy: expect.any(String) });
  return problem.detail;
}

describe('POST /v1/batch', () => {
  it('refuses what is most likely no microseconds, unless it is said to be meant', async () => {
    const { post, send, samples, records } = await started();
    const table = tableOf(0, 'a', 'b', 'c');
    const [seconds, ms] = [1_700_000_000, 1_700_000_000_000];
    for (let again = 0; again < 2; again += 1) {
      const answer = await send(batchOf([0, 1, 2], { table, timesUs: [seconds, TIME_US, ms] }));
      const { accepted, rejected } = (await answer.json()) as PushAnswer;
      expect(accepted).toBe(1);
      expect(rejected).toMatchObject([{ reason: 'time_out_of_range', count: 2 }]);
      expect(rejected[0]!.examples).toEqual([
        `sample 0: the time is ${seconds}, which are seconds and not microseconds`,
        `sample 2: the time is ${ms}, which are milliseconds and not microseconds`,
      ]);
    }
    expect((await records()).map(({ refused }) => [...refused])).toEqual([
      [0, 2],
      [0, 2],
    ]);
    const body = Uint8Array.from(encodeBatch(batchOf([0], { table, timesUs: [ms] })));
    const headers = { 'content-type': 'application/msgpack' };
    expect((await post('/v1/batch?time_unit=ms', body, headers)).status).toBe(400);
    expect((await post('/v1/batch?time_unit=us', body, headers)).status).toBe(200);
    expect((await samples()).at(-1)).toMatchObject({ timeUs: ms });
  });

  it('takes samples of series that its table names', async () => {
    const { send, samples } = await started();
    const kinds = [SampleKind.gauge, SampleKind.cumulative, SampleKind.delta, SampleKind.event];
    const answer = await send(
      batchOf([3, 0, 1, 2], {
        table: { first: 0, kinds, labels: ['a', 'b', 'c', 'd'].map(labelsOf) },
        timesUs: [5, 6, 7, 8],
        values: Float64Array.of(-0, Infinity, NaN, 1.5),
      }),
    );
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      accepted: 4,
      rejected: [],
      identity: 'sequence',
      horizon: '6h',
      token: expect.any(String),
    });
    const told = (await samples()).map(({ labels, kind, timeUs, value, flags }) => {
      expect(flags).toBe(0);
      expect(labels['__name__']).toBe('up');
      return [labels['job'], kind, timeUs, value];
    });
    expect(told).toEqual([
      ['d', SampleKind.event, 5, -0],
      ['a', SampleKind.gauge, 6, Infinity],
      ['b', SampleKind.cumulative, 7, NaN],
      ['c', SampleKind.delta, 8, 1.5],
    ]);
  });

  it('may be of another tenant, and then tells all its series', async () => {
    const { records, post, send } = await started();
    const type = { 'content-type': 'application/msgpack' };
    const sendOther = async (batch: BatchFields): Promise<Response> =>
      await post('/v1/batch?tenant=other', Uint8Array.from(encodeBatch(batch)), type);
    for (let i = 0; i < 2; i += 1) {
      const answer = await sendOther(batchOf([0], { table: tableOf(0, 'a') }));
      expect(answer.status).toBe(200);
    }
    await expectRefused(await sendOther(batchOf([0])), 409, 'unknown_session');
    expect((await send(batchOf([0], { table: tableOf(0, 'a') }))).status).toBe(200);
    const found = await records();
    expect(found.map(({ tenant }) => tenant)).toEqual(['other', 'other', 'default']);
    expect(found.map(({ definitions }) => definitions.rows.length)).toEqual([1, 1, 1]);
    const nobody = await post(
      '/v1/batch?tenant=',
      Uint8Array.from(encodeBatch(batchOf([0]))),
      type,
    );
    await expectRefused(nobody, 400, 'invalid_tenant');
  });

  it('knows numbers that came before, without them all series in order, and gzip', async () => {
    const { send, jobs, post } = await started();
    await send(batchOf([0, 1], { table: tableOf(0, 'a', 'b') }));
    await send(batchOf([2, 0], { table: tableOf(2, 'c') }));
    const { series: _series, ...inOrder } = batchOf([0, 1, 2]);
    const type = { 'content-type': 'application/x-msgpack', 'content-encoding': 'gzip' };
    expect((await post('/v1/batch', gzipSync(encodeBatch(inOrder)), type)).status).toBe(200);
    expect((await jobs()).join('')).toBe('abcaabc');
  });

  it('takes the NaN of Prometheus for the end of a series, and no other', async () => {
    const { send, samples } = await started();
    const values = new Float64Array(2);
    const words = new Uint32Array(values.buffer);
    words.set([STALE_NAN_LOW, STALE_NAN_HIGH, STALE_NAN_LOW + 1, STALE_NAN_HIGH]);
    await send(batchOf([0, 0], { table: tableOf(0, 'a'), timesUs: [1, 2], values }));
    expect(await samples()).toMatchObject([
      { value: NaN, flags: SampleFlag.stale },
      { value: NaN, flags: 0 },
    ]);
  });

  it('refuses single samples, and keeps the others', async () => {
    const { send, jobs } = await started();
    const labels = [labelsOf('a'), [['job', 'b']] as Label[], labelsOf('c'.repeat(2000))];
    const table = { first: 0, kinds: [SampleKind.gauge], labels };
    const answer = await send(batchOf([0, 1, 2, 1], { table }));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      accepted: 1,
      rejected: [
        {
          reason: 'missing_name',
          count: 2,
          examples: [1, 3].map((i) => `sample ${i}: there is no label __name__`),
        },
        { reason: 'label_value_too_long', count: 1 },
      ],
    });
    // The table need not come again for it.
    const later = await send(batchOf([1]));
    expect(await expectRefused(later, 422, 'missing_name')).toContain('missing_name 1');
    const future = await send(batchOf([0], { timesUs: [Date.now() * 2000] }));
    await expectRefused(future, 422, 'time_too_far_in_future');
    const never = await send(batchOf([0], { timesUs: [-(2 ** 60)] }));
    await expectRefused(never, 422, 'time_out_of_range');
    expect(await jobs()).toEqual(['a']);
  });
});

describe('a series number', () => {
  it('that was never told is asked for, and nothing of the batch is kept', async () => {
    const { send, jobs } = await started();
    await send(batchOf([0], { table: tableOf(0, 'a') }));
    for (const series of [
      [0, 1],
      [0, 7_000_000],
      [0, 2 ** 32 - 1],
    ]) {
      const detail = await expectRefused(await send(batchOf(series)), 409, 'unknown_session');
      expect(detail).toContain(`number ${series[1]}`);
    }
    const batch = batchOf([0, 1]);
    await expectRefused(await send(batch), 409, 'unknown_session');
    expect(await jobs()).toEqual(['a']);
    const told = await send({ ...batch, table: tableOf(0, 'a', 'b') });
    expect(told.status).toBe(200);
    expect(await jobs()).toEqual(['a', 'a', 'b']);
  });

  it('of another session, producer or receiver is another one', async () => {
    const { send } = await started();
    await send(batchOf([0], { table: tableOf(0, 'a') }));
    const others = [{ producer: 'q' }, { session: session.map((byte) => byte + 1) }];
    for (const other of others) {
      await expectRefused(await send(batchOf([0], other)), 409, 'unknown_session');
    }
    const elsewhere = await started();
    await expectRefused(await elsewhere.send(batchOf([0])), 409, 'unknown_session');
  });

  it('may be told again, but not with other labels or another kind', async () => {
    const { send, jobs } = await started();
    const table = tableOf(0, 'a', 'b');
    await send(batchOf([0], { table }));
    const turned = table.labels.map((labels) => labels.toReversed());
    expect((await send(batchOf([1], { table: { ...table, labels: turned } }))).status).toBe(200);
    const other = await send(batchOf([0], { table: tableOf(1, 'a') }));
    expect(await expectRefused(other, 409, 'session_conflict')).toContain('number 1');
    const counter = { ...table, kinds: [SampleKind.cumulative] };
    await expectRefused(await send(batchOf([0], { table: counter })), 409, 'session_conflict');
    expect(await jobs()).toEqual(['a', 'b']);
  });

  it('is below the bound of a session', async () => {
    const { send } = await started({ settings: { sessionSeriesMax: 10 } });
    expect((await send(batchOf([9], { table: tableOf(9, 'a') }))).status).toBe(200);
    const beyond = await send(batchOf([10], { table: tableOf(9, 'a', 'b') }));
    const detail = await expectRefused(beyond, 400, 'malformed_batch');
    expect(detail).toContain('number 10 is not below 10');
  });
});

describe('what is remembered of sessions is bounded', () => {
  it('in number and in series: the one used last stays', async () => {
    for (const settings of [{ sessionsMax: 2 }, { sessionsSeriesMax: 150 }]) {
      const { send } = await started({ settings });
      const of = (producer: string, table?: BatchFields['table']): BatchFields =>
        batchOf([0], { producer, ...(table === undefined ? {} : { table }) });
      await send(of('p', tableOf(0, 'a')));
      await send(of('q', tableOf(0, 'b')));
      expect((await send(of('p'))).status).toBe(200);
      await send(of('r', tableOf(0, 'c')));
      expect((await send(of('p'))).status).toBe(200);
      await expectRefused(await send(of('q')), 409, 'unknown_session');
    }
  });

  it('by the cache of series, with which all are forgotten', async () => {
    const { send, push, jobs } = await started({ settings: { seriesCacheCountMax: 3 } });
    await send(batchOf([0, 1], { table: tableOf(0, 'a', 'b') }));
    await push([
      { name: 'x', value: 1 },
      { name: 'y', value: 1 },
    ]);
    await expectRefused(await send(batchOf([0])), 409, 'unknown_session');
    // A table that meets a cache which is full begins anew with it, once.
    await push([{ name: 'z', value: 1 }]);
    const told = await send(batchOf([0, 1], { table: tableOf(0, 'a', 'b') }));
    expect(told.status).toBe(200);
    expect((await jobs()).filter((job) => job !== undefined)).toEqual(['a', 'b', 'a', 'b']);
    const tooMany = await send(batchOf([0], { table: tableOf(2, 'c', 'd', 'e', 'f') }));
    await expectRefused(tooMany, 413, 'too_many_series');
  });

  it('also in the middle of a table that goes on with numbers known before', async () => {
    const { send, push, jobs } = await started({ settings: { seriesCacheCountMax: 3 } });
    await send(batchOf([1], { table: tableOf(1, 'a', 'b') }));
    await push([{ name: 'x', value: 1 }]);
    // The first of them finds the cache full; the others mean what they did.
    const told = await send(batchOf([0, 1, 2], { table: tableOf(0, 'c', 'a', 'b') }));
    expect(told.status).toBe(200);
    expect((await jobs()).filter((job) => job !== undefined)).toEqual(['a', 'c', 'a', 'b']);
    const other = await send(batchOf([0], { table: tableOf(0, 'c', 'b') }));
    await expectRefused(other, 409, 'session_conflict');
  });
});

describe('the identity of a batch', () => {
  it('is its producer, session and sequence, with or without its table', async () => {
    const { send, records } = await started();
    const batch = batchOf([0], { table: tableOf(0, 'a') });
    await send(batch);
    await send({ ...batch, table: undefined } as unknown as BatchFields);
    await send({ ...batch, sequence: batch.sequence + 1 });
    await send({ ...batch, session: session.toReversed() });
    await send({ ...batch, producer: 'q' });
    const found = await records();
    const names = found.map(({ identity }) => Buffer.from(identity).toString('hex'));
    expect(names[1]).toBe(names[0]);
    expect(new Set(names).size).toBe(4);
    for (const record of found) {
      expect(record).toMatchObject({ identityKind: IdentityKind.sequence, protocol: 'batch.v1' });
    }
  });

  it('is named by the batch alone', async () => {
    const { send } = await started();
    const batch = batchOf([0], { table: tableOf(0, 'a') });
    await expectRefused(await send(batch, { 'idempotency-key': 'k' }), 400, 'invalid_identity');
    const numbered = { 'millrace-producer': 'p', 'millrace-sequence': '1' };
    await expectRefused(await send(batch, numbered), 400, 'invalid_identity');
  });
});

it('is answered 503 while the log takes nothing, and its table is known all the same', async () => {
  let broken = true;
  const { send, jobs } = await started({
    wrapProducer: (producer) => ({
      append: async (topic, partition, payload) => {
        if (broken) throw logUnavailable();
        return await producer.append(topic, partition, payload);
      },
      close: async () => await producer.close(),
    }),
  });
  const refused = await send(batchOf([0], { table: tableOf(0, 'a') }));
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  broken = false;
  expect((await send(batchOf([0]))).status).toBe(200);
  expect(await jobs()).toEqual(['a']);
});

it('refuses what is no batch before it reads it, and after', async () => {
  const one = await started();
  const json = await sendBody(one, Buffer.from('{}'), { 'content-type': 'application/json' });
  await expectRefused(json, 415, 'unsupported_media_type');
  const snappy = await sendBody(one, Buffer.from('x'), { 'content-encoding': 'snappy' });
  await expectRefused(snappy, 415, 'unsupported_encoding');
  await expectRefused(await sendBody(one, Buffer.from('{}')), 400, 'malformed_batch');
  const waiting = await one.post('/v1/batch?wait=stored', new Uint8Array(0));
  await expectRefused(waiting, 501, 'wait_unavailable');
});
