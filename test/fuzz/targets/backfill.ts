import assert from 'node:assert/strict';
import { tellText, type Told } from '@millrace/backfill/testing';
import { MillraceError } from '@millrace/runtime';
import * as fc from 'fast-check';
import type { FuzzTarget, Outcome, SoundInput } from '../fuzz-target.ts';

type Format = Parameters<typeof tellText>[1];

const host = fc
  .string({ unit: 'grapheme', maxLength: 8 })
  .filter((text) => !/[\0\uFFFD]/.test(text) && text.trim() === text);
const sample = fc.record({
  host,
  second: fc.nat({ max: 100_000 }),
  value: fc.double({ noNaN: true, noDefaultInfinity: true }),
});
type FileSample = typeof sample extends fc.Arbitrary<infer S> ? S : never;

/** A file of samples, of which each is told. */
function soundFile(write: (samples: FileSample[]) => string): fc.Arbitrary<SoundInput> {
  return fc.array(sample, { minLength: 1, maxLength: 6 }).map((samples) => ({
    bytes: Uint8Array.from(Buffer.from(write(samples))),
    check: (value) => {
      const told = (value as Told[]).filter((one) => !one.startsWith('end '));
      assert.equal(told.length, samples.length);
      for (const [i, { second, value: sent }] of samples.entries()) {
        const [timeUs, read] = told[i]!.split(' ').slice(-2).map(Number);
        assert.equal(timeUs, (1_795_953_600 + second) * 1e6);
        assert.ok(read === sent);
      }
    },
  }));
}

/** In blocks of any size a file says the same. */
function sameInBlocks(format: Format) {
  return (bytes: Uint8Array, outcome: Outcome): void => {
    if ('refusal' in outcome) return;
    for (const blockBytes of [1, 7, 64]) {
      assert.deepEqual(tellText(bytes, format, blockBytes), outcome.value);
    }
  };
}

function target(
  format: Format,
  parts: Readonly<{ write: (samples: FileSample[]) => string; words: readonly string[] }>,
): FuzzTarget {
  return {
    name: `backfill-${format}`,
    read: (bytes) => tellText(bytes, format),
    isRefusal: (error) => error instanceof MillraceError && error.code === 'BACKFILL_COLUMNS',
    sound: soundFile(parts.write),
    words: parts.words.map((word) => Uint8Array.from(Buffer.from(word))),
    agree: sameInBlocks(format),
    memory: { perByte: 1000, fixedBytes: 8 * 1024 ** 2 },
    bytesMax: 4096,
    runs: 150,
  };
}

const csvText = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const goText = (text: string): string => `"${text.replaceAll(/["\\]/g, (one) => `\\${one}`)}"`;

export const backfillCsv: FuzzTarget = target('csv', {
  write: (samples) => {
    const lines = samples.map(({ host: name, second, value }) => {
      return `${1_795_953_600 + second},${csvText(name)},${value}`;
    });
    return ['time,host,value', ...lines].join('\r\n');
  },
  words: ['"', '""', '\r', '\n', ',', '\ufeff', 'time,value', 'NaN', '1e999', '"\n'],
});

export const backfillJsonLines: FuzzTarget = target('jsonl', {
  write: (samples) => {
    const lines = samples.map(({ host: name, second, value }) => {
      const labels = name === '' ? {} : { host: name };
      return JSON.stringify({ name: 'm', labels, time: 1000 * (1_795_953_600 + second), value });
    });
    return lines.join('\n');
  },
  words: ['{', '[', '"time":', '"__proto__":', 'null', '\\ud800', '1e999', '\n'],
});

export const backfillPromtool: FuzzTarget = target('promtool', {
  write: (samples) => {
    const lines = samples.map(({ host: name, second, value }) => {
      const ms = 1000 * (1_795_953_600 + second);
      return `{__name__="m", host=${goText(name.replaceAll('\n', ' '))}} ${value} ${ms}`;
    });
    return `${lines.join('\n')}\n`;
  },
  words: ['} ', '{', '\\x', '\\U0010ffff', '\\777', '"', '{count:', '+Inf', '\n', '='],
});
