import assert from 'node:assert/strict';
import { DecodeError, encodeWriteRequest, KeyMemory } from '@millrace/wire';
import {
  arbitraryMetadata,
  arbitrarySeries,
  KeyMemorySink,
  METRIC_TYPES,
  oracleDecode,
  tellWriteRequest,
  toldOf,
  type Told,
} from '@millrace/wire/testing';
import * as fc from 'fast-check';
import type { FuzzTarget, Outcome } from '../fuzz-target.ts';

/**
 * Where this decoder is stricter than protobufjs, which passes over what no sender means: fields
 * of the wrong wire type, groups, numbers that have too many bits, texts that are no UTF-8.
 */
const STRICTER =
  /wrong wire type|unsupported wire type|more than 64 bits|more than ten bytes|out of range|longer than its message|cut off|invalid_utf8|no multiple|ends within|number of bytes|more than \d+ labels/;

/** Remote write 1.0, uncompressed. */
export const remoteWrite: FuzzTarget = {
  name: 'remote-write',
  read: (bytes) => tellWriteRequest(bytes),
  isRefusal: (error) => error instanceof DecodeError,
  sound: fc
    .tuple(
      fc.array(arbitrarySeries, { maxLength: 4 }),
      fc.array(arbitraryMetadata, { maxLength: 3 }),
    )
    .map(([series, metadata]) => ({
      bytes: encodeWriteRequest(series, metadata),
      check: (told) => assert.deepStrictEqual(told, toldOf(series, metadata)),
    })),
  words: ['0a00', '1200', '2200', '1a00', '0a0412001200', '5a00', '6201', '0a04080a1000'].map(
    (hex) => Uint8Array.from(Buffer.from(hex, 'hex')),
  ),
  agree,
  // A series of two bytes is an entry of a list here; the product's sinks keep columns.
  memory: { perByte: 300, fixedBytes: 4 * 1024 ** 2 },
  runs: 1200,
};

function agree(bytes: Uint8Array, outcome: Outcome): void {
  agreeOnSamples(bytes);
  let oracle: Oracle;
  try {
    oracle = oracleDecode(bytes) as unknown as Oracle;
  } catch (error) {
    // In texts that only inform (help, exemplars), what is no UTF-8 is replaced here.
    if ('refusal' in outcome || String(error).includes('not valid for encoding utf-8')) return;
    throw new Error(`accepted, and protobufjs says ${String(error)}`, { cause: error });
  }
  if ('refusal' in outcome) {
    const { message } = outcome.refusal;
    const { reason } = outcome.refusal as DecodeError;
    assert.match(`${reason} ${message}`, STRICTER, `protobufjs accepts it: ${message}`);
    return;
  }
  assert.deepStrictEqual(toldHere(outcome.value as Told[]), toldThere(oracle));
}

const inWasm = new KeyMemory();
const without = new KeyMemory({ withoutWasm: true });

/** With WebAssembly and without: when nothing of it is known, and when all of it is. */
function agreeOnSamples(bytes: Uint8Array): void {
  for (const keys of [inWasm, without]) keys.clear();
  const fast = new KeyMemorySink(inWasm);
  const slow = new KeyMemorySink(without);
  for (let time = 0; time < 2; time += 1) {
    assert.deepStrictEqual(fast.request(bytes), slow.request(bytes));
  }
}

interface Oracle {
  timeseries: {
    labels: { name: string; value: string }[];
    samples: { value: number; timestamp: string }[];
    exemplars: { value: number; timestamp: string; labels: object[] }[];
    histograms: { timestamp: string }[];
  }[];
  metadata: { type: number; metricFamilyName: string; help: string; unit: string }[];
}

/** A series with everything of it, by kind: between kinds the oracle does not keep the order. */
interface Series {
  labels: [string, string][];
  samples: [number, number][];
  exemplars: [number, number, number][];
  histograms: number[];
}

interface AllTold {
  series: Series[];
  metadata: { metric: string; type: string; help: string; unit: string }[];
}

function toldHere(told: readonly Told[]): AllTold {
  const all: AllTold = { series: [], metadata: [] };
  for (const one of told) {
    const series = all.series.at(-1)!;
    if (one[0] === 'series') {
      const labels = one[1].map(([name, value]): [string, string] => [name, value]);
      all.series.push({ labels, samples: [], exemplars: [], histograms: [] });
    } else if (one[0] === 'sample') series.samples.push([one[1], one[2]]);
    else if (one[0] === 'exemplar') series.exemplars.push([one[1], one[2], one[3].length]);
    else if (one[0] === 'metadata') all.metadata.push({ ...one[1] });
    else series.histograms.push(one[1]);
  }
  return all;
}

/** What is longer was cut by the decoder, which is tested elsewhere. */
const CUT_BYTES = 1024;

function toldThere({ timeseries, metadata }: Oracle): AllTold {
  return {
    series: timeseries.map(({ labels, samples, exemplars, histograms }) => ({
      labels: labels.map(({ name, value }) => [name, value]),
      samples: samples.map(({ value, timestamp }) => [exact(timestamp), value]),
      exemplars: exemplars.map((one) => [exact(one.timestamp), one.value, one.labels.length]),
      histograms: histograms.map(({ timestamp }) => exact(timestamp)),
    })),
    metadata: metadata
      .map(({ type, metricFamilyName, help, unit }) => ({
        metric: storable(metricFamilyName),
        type: METRIC_TYPES[type] ?? 'unknown',
        help: storable(help),
        unit: storable(unit),
      }))
      .filter(({ metric }) => metric !== '' && Buffer.byteLength(metric) < CUT_BYTES),
  };
}

function exact(timestamp: string): number {
  const time = Number(timestamp);
  const high = BigInt(timestamp) >> 32n;
  if (high >= 0x200000n) return Number.POSITIVE_INFINITY;
  return high < -0x200000n ? Number.NEGATIVE_INFINITY : time;
}

function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}
