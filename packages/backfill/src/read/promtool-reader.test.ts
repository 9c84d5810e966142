import { SampleKind } from '@millrace/model';
import { expect, it } from 'vitest';
import { readBytes } from '../testing/read-text.ts';

const FORMAT = { format: 'promtool', kind: SampleKind.unknown } as const;

it('takes what promtool prints, with the quotes of Go', async () => {
  const lines = [
    '{__name__="up", job="a"} 1 1795953600000',
    '{__name__="up", job="} {", path="C:\\\\x\\n\\"q\\"", "other name"="\\u00e9\\xc3\\xa9"} +Inf 1795953600500',
    '{__name__="go"} 1.5e+06 1795953600000',
    '{__name__="go"} NaN 1795953601000',
  ];
  const { samples, faults } = await readBytes(lines.join('\n'), FORMAT);
  expect(faults).toEqual([]);
  expect(samples).toEqual([
    'unknown up{job="a"} 1 2026-11-29T12:00:00.000000Z',
    'unknown up{job="} {",other name="éé",path="C:\\\\x\\n\\"q\\""} Infinity 2026-11-29T12:00:00.500000Z',
    'unknown go 1500000 2026-11-29T12:00:00.000000Z',
    'unknown go NaN 2026-11-29T12:00:01.000000Z',
  ]);
});

it('says of each bad line what is wrong', async () => {
  const lines = [
    'up 1 1795953600000',
    '{__name__="up", job=a} 1 1795953600000',
    '{__name__="up"} one 1795953600000',
    '{__name__="up"} 1 soon',
    '{job="a"} 1 1795953600000',
    '{__name__="h"} {count:3, sum:2, [-1,1]:3} 1795953600000',
    '{__name__="up", job="\\q"} 1 1795953600000',
  ];
  const { samples, faults } = await readBytes(lines.join('\n'), FORMAT);
  expect(samples).toEqual([]);
  const expected = ['1:1: the line is', '2:1: the labels cannot be read from character 16'];
  expected.push('3:17: the value is "one"', '4:19: the time is "soon"');
  expected.push('5:1: there is no label __name__', '6:16: the value is a native histogram');
  expected.push('7:1: the quoted text');
  expect(faults).toHaveLength(expected.length);
  expected.forEach((start, i) => expect(faults[i]).toContain(start));
});
