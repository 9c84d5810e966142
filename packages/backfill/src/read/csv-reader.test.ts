import { gzipSync } from 'node:zlib';
import { SampleKind } from '@millrace/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readBytes } from '../testing/read-text.ts';
import { RECORD_BYTES_MAX } from './text-file.ts';

const T = '2026-11-29T12:00:00.000000Z';

/** What no label may hold. */
const UNFIT = /[\0\uD800-\uDFFF\uFFFD]/;

it('has columns by their usual names, and all others are labels', async () => {
  const text = 'Timestamp,host,Value,name\n1795953600,a,1.5,up\n1795953600,"b,""c""",-2e3,up\n';
  const { samples, faults } = await readBytes(text, {});
  expect(faults).toEqual([]);
  expect(samples).toEqual([`gauge up{host="a"} 1.5 ${T}`, `gauge up{host="b,\\"c\\""} -2000 ${T}`]);
});

it('has those columns, metric, labels, kind and delimiter that are asked for', async () => {
  const text = 'when;what;a;b\r\n2026-11-29 12:00:00+00;7;x;y\r\n';
  const { samples } = await readBytes(text, {
    ...{ delimiter: ';', timeColumn: 'when', valueColumn: 'what', labelColumns: ['b'] },
    ...{ metric: 'm', kind: SampleKind.cumulative, labels: [['job', 'j']] },
  });
  expect(samples).toEqual([`cumulative m{b="y",job="j"} 7 ${T}`]);
});

it('says of each bad record where it is and what was expected, and reads the others', async () => {
  const lines = [
    'time,metric,value,kind',
    `${T},a,1,gauge`,
    `${T},a,one,gauge`,
    'yesterday,a,1,gauge',
    `${T},a,1`,
    `${T},a,1,rate`,
    `${T},a,1,event`,
    `${T},,1,gauge`,
    `${T},a,1"2,gauge`,
    '2026-11-29 12:00:00,a,1,gauge',
    `${T},a,2,counter`,
  ];
  const { samples, faults } = await readBytes(lines.join('\n'), {});
  expect(samples).toEqual([`gauge a 1 ${T}`, `cumulative a 2 ${T}`]);
  expect(faults.map((fault) => fault.split(';')[0])).toEqual([
    '3:value: the value is "one"',
    '4:time: the time is "yesterday"',
    '5:: the record has 3 fields',
    '6:kind: the kind is "rate"',
    '7:kind: it is an event',
    '8:: there is no label __name__',
    '9:: a quote stands within a field',
    '10:time: the time is "2026-11-29 12:00:00", of no time zone',
  ]);
});

it('tells the unit of times by the first one, and refuses what is unlikely in it', async () => {
  for (const [first, us] of [
    ['1795953600', '000000'],
    ['1795953600123', '123000'],
    ['1795953600123456', '123456'],
    ['1795953600123456789', '123456'],
    ['1795953600.25', '250000'],
  ]) {
    const { samples } = await readBytes(`time,value\n${first},1\n`, { metric: 'm' });
    expect(samples).toEqual([`gauge m 1 2026-11-29T12:00:00.${us}Z`]);
  }
  const mixed = await readBytes('time,value\n1795953600000,1\n1795953600,1\n', { metric: 'm' });
  expect(mixed.faults[0]).toContain('3:time: the time is 1795953600, which as milliseconds');
  const old = await readBytes('time,value\n86400,1\n', { metric: 'm', timeUnit: 's' });
  expect(old.samples).toEqual(['gauge m 1 1970-01-02T00:00:00.000000Z']);
});

it('refuses a header without what is needed', async () => {
  for (const [header, why] of [
    ['when,value,metric', 'time by its name; say --time-column'],
    ['time,metric', 'value by its name'],
    ['time,value', 'metric by its name'],
    ['time,time,value', 'twice'],
  ]) {
    await expect(readBytes(`${header}\n1,2,3\n`, {})).rejects.toMatchObject({
      code: 'BACKFILL_COLUMNS',
      message: expect.stringContaining(why!) as unknown,
    });
  }
});

it('is the same from any of its records on, with gzip and without', async () => {
  const rows = fc.array(
    fc.record({
      host: fc.string({ maxLength: 6 }).filter((text) => !UNFIT.test(text)),
      value: fc.integer(),
    }),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(rows, fc.boolean(), fc.nat(), async (list, isPacked, some) => {
      const quoted = list.map(({ host, value }, i) => {
        return `${1_795_953_600 + i},"${host.replaceAll('"', '""')}",${value}\n`;
      });
      const text = `time,host,value\n${quoted.join('')}`;
      const bytes = isPacked ? gzipSync(text) : text;
      const all = await readBytes(bytes, { metric: 'm' });
      expect(all.faults).toEqual([]);
      expect(all.samples).toHaveLength(list.length);
      expect(all.places).toHaveLength(list.length + 1);
      const k = some % all.places.length;
      const rest = await readBytes(bytes, { metric: 'm' }, all.places[k]);
      expect(rest.samples).toEqual(all.samples.slice(k));
      expect(rest.places).toEqual(all.places.slice(k + 1));
    }),
    { numRuns: 60 },
  );
});

it('passes over a record that is too long, and tells a quote that is never closed', async () => {
  const long = 'x'.repeat(RECORD_BYTES_MAX + 10);
  const text = `time,value,l\n1795953600,1,"${long}\n1795953601,2,b\n1795953602,3,"c`;
  const { samples, faults } = await readBytes(text, { metric: 'm' });
  expect(samples).toEqual(['gauge m{l="b"} 2 2026-11-29T12:00:01.000000Z']);
  expect(faults[0]).toMatch(/^2:: a record of more than/);
  expect(faults[1]).toMatch(/^4:: a quote that opens here is never closed/);
});

it('refuses a file that is not there, or is cut off', async () => {
  const whole = gzipSync('time,value\n1795953600,1\n'.repeat(1000));
  await expect(readBytes(whole.subarray(0, 40), { metric: 'm' })).rejects.toMatchObject({
    code: 'BACKFILL_FILE_UNREADABLE',
  });
});
