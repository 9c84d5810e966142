import assert from 'node:assert/strict';
import { METRIC_NAME_LABEL } from '@millrace/model';
import { DecodeError, type PushFormat } from '@millrace/wire';
import { tellPush, type ToldSample } from '@millrace/wire/testing';
import { decode, encode } from '@msgpack/msgpack';
import * as fc from 'fast-check';
import type { FuzzTarget, Outcome, SoundInput } from '../fuzz-target.ts';
import { warpMsgpack } from '../warp-msgpack.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const label = text.filter((name) => name !== METRIC_NAME_LABEL && !name.includes('\0'));
const sample = fc.record(
  {
    name: text,
    value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    labels: fc.dictionary(label, text, { maxKeys: 6, noNullPrototype: true }),
    time: fc.oneof(
      fc.nat({ max: 1_800_000_000_000 }),
      fc.constantFrom('2026-01-02T03:04:05.678901Z', '2026-01-02T03:04:05+01:00'),
    ),
    kind: fc.constantFrom('gauge', 'cumulative', 'counter', 'delta', 'event'),
    id: fc.oneof(text, fc.maxSafeNat()),
  },
  { requiredKeys: ['name', 'value'] },
);
type SentSample = typeof sample extends fc.Arbitrary<infer S> ? S : never;

const shape = fc.constantFrom('one', 'list', 'samples');

function soundBody(write: (samples: unknown[], shape: string) => Uint8Array) {
  return fc
    .tuple(fc.array(sample, { minLength: 1, maxLength: 6 }), shape)
    .map(([samples, form]): SoundInput => {
      const sent = form === 'one' ? samples.slice(0, 1) : samples;
      return {
        bytes: Uint8Array.from(write(sent, form)),
        check: (value) => {
          const told = value as ToldSample[];
          assert.equal(told.length, sent.length);
          for (const [i, one] of sent.entries()) checkTold(told[i]!, one);
        },
      };
    });
}

/** All but what a sample's time and kind become, which have tests of their own. */
function checkTold(told: ToldSample, sent: SentSample): void {
  if ('reason' in told) assert.fail(`${told.reason}: ${told.detail}`);
  assert.equal(told.name, sent.name);
  assert.ok(Object.is(told.value, sent.value));
  assert.equal(told.id, sent.id === undefined ? undefined : String(sent.id));
  assert.equal(told.timeUs === undefined, sent.time === undefined);
  if (typeof sent.time === 'number') assert.equal(told.timeUs, sent.time * 1000);
  const labels = Object.entries(sent.labels ?? {});
  assert.deepEqual(new Map(told.labels), new Map([...labels, [METRIC_NAME_LABEL, sent.name]]));
}

const shaped = (samples: unknown[], form: string): unknown => {
  if (form === 'one') return samples[0];
  return form === 'list' ? samples : { samples };
};

/** What the parser of the whole makes of the body: its samples; undefined when it refuses. */
type WholeParser = (bytes: Uint8Array, lengthMax: number) => unknown[] | undefined;

function samplesOf(whole: unknown): unknown[] {
  if (Array.isArray(whole)) return whole;
  const samples = isObject(whole) && Object.hasOwn(whole, 'samples') ? whole['samples'] : undefined;
  return Array.isArray(samples) ? samples : [whole];
}

/** Reasons for which a body is refused that a parser without limits takes. */
const OWN_REASONS = [
  'too_deep',
  'unknown_field',
  'not_an_object',
  'empty_request',
  'invalid_utf8',
  // What begins as gzip does.
  'unsupported_encoding',
  'too_many_samples',
];

/** A parser that believes what lengths say takes all memory for those that lie. */
const LYING_LENGTH = 2000;

function agreeWith(parse: WholeParser, isOwn: (refusal: DecodeError) => boolean) {
  return (bytes: Uint8Array, outcome: Outcome): void => {
    if ('refusal' in outcome) {
      const refusal = outcome.refusal as DecodeError;
      if (OWN_REASONS.includes(refusal.reason) || isOwn(refusal)) return;
      if (parse(bytes, LYING_LENGTH) === undefined) return;
      throw new Error(`refused, and the other parser takes it: ${refusal.message}`);
    }
    // A legal name of a label, which the MessagePack library refuses as a key.
    if (Buffer.from(bytes).includes('__proto__')) return;
    const samples = parse(bytes, bytes.length);
    assert.ok(samples !== undefined, 'accepted, and the other parser refuses it');
    const told = outcome.value as ToldSample[];
    assert.equal(told.length, samples.length, 'not as many samples');
    for (const [i, one] of told.entries()) if (!('reason' in one)) checkSame(one, samples[i]);
  };
}

function checkSame(told: Exclude<ToldSample, { reason: unknown }>, raw: unknown): void {
  assert.ok(isObject(raw));
  assert.equal(told.name, raw['name']);
  if (typeof raw['value'] === 'number') assert.ok(Object.is(told.value, raw['value']));
  if (typeof raw['id'] === 'string') assert.equal(told.id, raw['id']);
  const labels = isObject(raw['labels']) ? raw['labels'] : {};
  const own = Object.entries(labels).filter(([, value]) => value !== '');
  assert.deepEqual(new Map(told.labels), new Map([...own, [METRIC_NAME_LABEL, told.name]]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const bytesOf = (written: string): Uint8Array => Uint8Array.from(Buffer.from(written));

function parseJson(bytes: Uint8Array): unknown[] | undefined {
  try {
    const whole = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return whole.trim() === '' ? undefined : samplesOf(JSON.parse(whole));
  } catch {
    return undefined;
  }
}

/** A line that is no JSON is a rejected sample: it is compared with nothing. */
function parseLines(bytes: Uint8Array): unknown[] {
  const lines = new TextDecoder('utf-8').decode(bytes).split('\n');
  return lines
    .filter((line) => /[^ \t\r]/.test(line))
    .map((line) => {
      try {
        return JSON.parse(line) as unknown;
      } catch {
        return undefined;
      }
    });
}

function parseMsgpack(bytes: Uint8Array, lengthMax: number): unknown[] | undefined {
  try {
    return samplesOf(decode(bytes, { maxArrayLength: lengthMax, maxMapLength: lengthMax }));
  } catch {
    return undefined;
  }
}

function target(
  format: PushFormat,
  parts: Pick<FuzzTarget, 'sound' | 'agree' | 'words' | 'warp' | 'memory'>,
): FuzzTarget {
  return {
    name: `push-${format}`,
    read: (bytes) => tellPush(bytes, format),
    isRefusal: (error) => error instanceof DecodeError,
    runs: 1200,
    ...parts,
  };
}

const JSON_WORDS = [
  '[',
  '{',
  '{"a":',
  ']',
  '}',
  ',',
  '"',
  '\\',
  '\\u0000',
  '\\ud800',
  '1e999',
].concat(['null', '{"samples":[', '"__proto__":', '"name":"a","value":1', '\n', '\ufeff', '-0']);
const JSON_MEMORY = { perByte: 400, fixedBytes: 4 * 1024 ** 2 };

export const pushJson: FuzzTarget = target('json', {
  sound: soundBody((samples, form) => bytesOf(JSON.stringify(shaped(samples, form)))),
  words: JSON_WORDS.map(bytesOf),
  agree: agreeWith(parseJson, ({ message }) => message.includes('samples occurs twice')),
  memory: JSON_MEMORY,
});

export const pushNdjson: FuzzTarget = target('ndjson', {
  sound: soundBody((samples) => bytesOf(samples.map((one) => JSON.stringify(one)).join('\n'))),
  words: JSON_WORDS.map(bytesOf),
  agree: agreeWith(parseLines, () => false),
  memory: JSON_MEMORY,
});

export const pushMsgpack: FuzzTarget = target('msgpack', {
  sound: soundBody((samples, form) => encode(shaped(samples, form))),
  warp: warpMsgpack,
  words: [encode('samples'), encode('name'), encode('__proto__'), encode({ name: 'a', value: 1 })],
  // A key that is a number would be taken for the text that it looks like.
  agree: agreeWith(parseMsgpack, ({ message }) => message.includes('a map key is')),
  memory: JSON_MEMORY,
});
