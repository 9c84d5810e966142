import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it } from 'vitest';
import { readBytes } from '../testing/read-text.ts';

const FORMAT = { format: 'parquet' } as const;
const NOON_MS = 1_795_953_600_000;

function written(rows: number, perGroup: number): Uint8Array {
  const at = Array.from({ length: rows }, (_, i) => i);
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'time', data: at.map((i) => new Date(NOON_MS + i)), type: 'TIMESTAMP' },
      { name: 'metric', data: at.map(() => 'up'), type: 'STRING' },
      { name: 'value', data: at.map((i) => i / 2), type: 'DOUBLE' },
      { name: 'host', data: at.map((i) => (i % 3 === 0 ? null : `h${i % 3}`)), type: 'STRING' },
    ],
    rowGroupSize: perGroup,
  });
  return new Uint8Array(buffer);
}

it('has columns by their usual names, and all others are labels', async () => {
  const { samples, faults } = await readBytes(written(4, 3), FORMAT);
  expect(faults).toEqual([]);
  expect(samples).toEqual([
    'gauge up 0 2026-11-29T12:00:00.000000Z',
    'gauge up{host="h1"} 0.5 2026-11-29T12:00:00.001000Z',
    'gauge up{host="h2"} 1 2026-11-29T12:00:00.002000Z',
    'gauge up 1.5 2026-11-29T12:00:00.003000Z',
  ]);
});

it('is the same from any of its rows on', async () => {
  const bytes = written(50, 7);
  const all = await readBytes(bytes, FORMAT);
  for (const k of [0, 6, 7, 33, 49]) {
    const rest = await readBytes(bytes, FORMAT, all.places[k]);
    expect(rest.samples).toEqual(all.samples.slice(k + 1));
  }
});

it('says of each bad row what is wrong, and refuses what is no Parquet', async () => {
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'ts', data: [1n, 1_795_953_600n, 1_795_953_600n, 1_795_953_600n], type: 'INT64' },
      { name: 'name', data: ['a', null, 'a', 'a'], type: 'STRING' },
      { name: 'value', data: [1, 1, null, 7], type: 'DOUBLE' },
      { name: 'labels', data: [{}, {}, {}, { job: 'x', n: 1 }], type: 'JSON' },
    ],
  });
  const { samples, faults } = await readBytes(new Uint8Array(buffer), FORMAT);
  expect(samples).toEqual(['gauge a{job="x",n="1"} 7 2026-11-29T12:00:00.000000Z']);
  expect(faults.map((fault) => fault.split(';')[0])).toEqual([
    '1:ts: the time is 1, which as seconds is no likely one',
    '2:: the metric is missing',
    '3:value: the value is missing',
  ]);
  await expect(readBytes('PAR1 and nothing else', FORMAT)).rejects.toMatchObject({
    code: 'BACKFILL_PARQUET',
  });
});
