import { gzipSync } from 'node:zlib';
import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import type { StartedReceiver } from './testing/start-receiver.ts';
import { useReceivers } from './testing/use-receivers.ts';

const start = useReceivers();

const JSON_TYPE = { 'content-type': 'application/json' };
const MSGPACK = { 'content-type': 'application/msgpack' };
const GZIP = { ...JSON_TYPE, 'content-encoding': 'gzip' };
const SNAPPY = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
const EVENTS = '/v1/events';
const WRITE = '/api/v1/write';
const MIB = 1024 * 1024;

const good = encodeWriteRequest([{ labels: [['__name__', 'up']], samples: [[1, 1]] }]);
const bytes = (...values: number[]): Buffer => Buffer.from(values);

type Bad = [
  what: string,
  path: string,
  headers: Record<string, string>,
  body: () => Uint8Array | string,
  status: number,
  code: string,
];

const wholeRequests: Bad[] = [
  ['JSON that ends early', EVENTS, JSON_TYPE, () => '[{"name":"a"', 400, 'malformed_json'],
  ['no JSON at all', EVENTS, JSON_TYPE, () => 'cpu 0.5', 400, 'malformed_json'],
  ['JSON behind JSON', EVENTS, JSON_TYPE, () => '{"name":"a","value":1} x', 400, 'malformed_json'],
  ['JSON nested too deeply', EVENTS, JSON_TYPE, () => '['.repeat(100_000), 400, 'too_deep'],
  ['an empty body', EVENTS, JSON_TYPE, () => '', 400, 'empty_request'],
  ['no samples', EVENTS, JSON_TYPE, () => '[]', 400, 'empty_request'],
  [
    'invalid UTF-8',
    EVENTS,
    JSON_TYPE,
    () => Buffer.from('{"name":"\xff"}', 'latin1'),
    400,
    'invalid_utf8',
  ],
  [
    'MessagePack nested too deeply',
    EVENTS,
    MSGPACK,
    () => Buffer.alloc(100_000, 0x91),
    400,
    'too_deep',
  ],
  [
    'a MessagePack array that claims four billion entries',
    EVENTS,
    MSGPACK,
    () => bytes(0xdd, 0xff, 0xff, 0xff, 0xff, 0x01),
    400,
    'malformed_msgpack',
  ],
  [
    'a MessagePack text that claims four gigabytes',
    EVENTS,
    MSGPACK,
    () => bytes(0x91, 0x81, 0xdb, 0xff, 0xff, 0xff, 0xff, 0x61),
    400,
    'malformed_msgpack',
  ],
  [
    'MessagePack with something behind it',
    EVENTS,
    MSGPACK,
    () => bytes(0x90, 0x90),
    400,
    'malformed_msgpack',
  ],
  ['no gzip', EVENTS, GZIP, () => '{"name":"a","value":1}', 400, 'malformed_gzip'],
  [
    'gzip that ends early',
    EVENTS,
    GZIP,
    () => gzipSync('x'.repeat(5000)).subarray(0, 20),
    400,
    'malformed_gzip',
  ],
  ['a gzip bomb', EVENTS, GZIP, () => gzipSync(Buffer.alloc(65 * MIB)), 413, 'body_bomb'],
  [
    'an unknown encoding',
    EVENTS,
    { ...JSON_TYPE, 'content-encoding': 'br' },
    () => '{}',
    415,
    'unsupported_encoding',
  ],
  [
    'an unknown type',
    EVENTS,
    { 'content-type': 'text/csv' },
    () => 'a,b',
    415,
    'unsupported_media_type',
  ],
  [
    'a form',
    EVENTS,
    { 'content-type': 'application/x-www-form-urlencoded' },
    () => 'a=b',
    415,
    'unsupported_media_type',
  ],
  ['no snappy', WRITE, SNAPPY, () => good, 400, 'malformed_snappy'],
  ['an empty snappy body', WRITE, SNAPPY, () => '', 400, 'malformed_snappy'],
  [
    'snappy that ends early',
    WRITE,
    SNAPPY,
    () => compressSnappy(good).subarray(0, -3),
    400,
    'malformed_snappy',
  ],
  [
    'snappy that claims 4 GiB',
    WRITE,
    SNAPPY,
    () => bytes(0xff, 0xff, 0xff, 0xff, 0x0f, 0),
    413,
    'body_bomb',
  ],
  [
    'a snappy bomb',
    WRITE,
    SNAPPY,
    // 65 MiB of copies of one byte: three bytes for every 64.
    () =>
      Buffer.concat([
        bytes(0x80, 0x80, 0xc0, 0x20, 0, 0),
        Buffer.alloc(4 * MIB, bytes(0xfe, 1, 0)),
      ]),
    413,
    'body_bomb',
  ],
  [
    'framed snappy',
    WRITE,
    SNAPPY,
    () => Buffer.from('\xff\x06\x00\x00sNaPpY', 'latin1'),
    400,
    'malformed_snappy',
  ],
  [
    'truncated protobuf',
    WRITE,
    SNAPPY,
    () => compressSnappy(good.subarray(0, -2)),
    400,
    'malformed_protobuf',
  ],
  [
    'no protobuf',
    WRITE,
    SNAPPY,
    () => compressSnappy(Buffer.from('hello, world')),
    400,
    'malformed_protobuf',
  ],
];

describe('a request that cannot be read', () => {
  it.each(wholeRequests)(
    '%s gets a 4xx with reason and remedy',
    async (_what, path, headers, body, status, code) => {
      const receiver = await start();
      const response = await receiver.post(path, body(), headers);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      const problem = await response.json();
      expect(problem).toMatchObject({
        type: `urn:millrace:problem:${code}`,
        title: expect.any(String),
        status,
        detail: expect.any(String),
        code,
        remedy: expect.any(String),
      });
      expect(response.status).toBe(status);
      expect(await receiver.records()).toEqual([]);
      await expectNothingHeld(receiver);
      await expectAlive(receiver);
    },
  );
});

const sample = { name: 'a', value: 1 };
const singleSamples: [what: string, sample: unknown, reason: string][] = [
  ['2^63 as a time', { ...sample, time: 2 ** 63 }, 'time_out_of_range'],
  ['seconds as a time', { ...sample, time: 1_795_998_558 }, 'time_out_of_range'],
  ['a time that is no time', { ...sample, time: 'yesterday' }, 'invalid_time'],
  ['no name', { value: 1 }, 'missing_name'],
  ['an empty name', { ...sample, name: '' }, 'invalid_name'],
  ['half a surrogate pair', { ...sample, labels: { a: '\ud800' } }, 'invalid_utf8'],
  ['NUL', { ...sample, labels: { a: 'x\0' } }, 'nul_in_label'],
  ['a label that is no text', { ...sample, labels: { a: 1 } }, 'invalid_label_value'],
  ['labels that are no object', { ...sample, labels: ['a'] }, 'invalid_label_value'],
  ['a huge label value', { ...sample, labels: { a: 'x'.repeat(2000) } }, 'label_value_too_long'],
  [
    'a huge label set',
    { ...sample, labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'x'])) },
    'too_many_labels',
  ],
  ['no object', 42, 'not_an_object'],
  ['an unknown field', { ...sample, tags: {} }, 'unknown_field'],
  ['an unknown kind', { ...sample, kind: 'speed' }, 'unknown_kind'],
  ['a value that is no number', { ...sample, value: {} }, 'invalid_value'],
  ['an id that is too long', { ...sample, id: 'x'.repeat(300) }, 'invalid_id'],
];

describe('a sample that cannot be taken', () => {
  it.each(singleSamples)('%s is refused, its neighbours are kept', async (_what, bad, reason) => {
    const receiver = await start();
    const response = await receiver.push([sample, bad, sample]);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      accepted: 2,
      rejected: [{ reason, count: 1, examples: [expect.stringMatching(/^sample 1: .{3,}/)] }],
    });
    expect(await receiver.samples()).toHaveLength(2);
  });

  it('does not flood the answer with what it held', async () => {
    const receiver = await start();
    const bad = { ...sample, labels: { ['x'.repeat(100_000)]: 'y' } };
    const text = await (await receiver.push([bad, bad, bad, bad])).text();
    expect(text.length).toBeLessThan(2500);
  });
});

describe('memory', () => {
  it('stays flat under bombs', async () => {
    const receiver = await start();
    const bomb = gzipSync(Buffer.alloc(64 * MIB + 1, '['));
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 2; round += 1) {
      const bombs = Array.from({ length: 8 }, async () => {
        const response = await receiver.post(EVENTS, bomb, GZIP);
        await response.arrayBuffer();
        return response.status;
      });
      const statuses = await Promise.all(bombs);
      expect(statuses.every((status) => status === 413 || status === 503)).toBe(true);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * MIB);
    await expectAlive(receiver);
  });
});

async function expectNothingHeld(receiver: StartedReceiver): Promise<void> {
  const held = (await receiver.meter.measurements()).find(
    ({ name }) => name === 'millrace_receiver_in_flight_bytes',
  );
  expect(held!.value).toBe(0);
}

async function expectAlive(receiver: StartedReceiver): Promise<void> {
  const response = await receiver.push(sample);
  expect(response.status).toBe(200);
}
