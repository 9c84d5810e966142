import { expect, it } from 'vitest';
import { readBytes } from '../testing/read-text.ts';

const FORMAT = { format: 'jsonl' } as const;

it('takes lines as POST /v1/events does', async () => {
  const lines = [
    '{"name":"up","labels":{"job":"a"},"value":1,"time":1795953600000}',
    '',
    '{"name":"up","value":"NaN","time":"2026-11-29T12:00:00.5Z","kind":"counter"}',
  ];
  const { samples, faults } = await readBytes(lines.join('\n'), FORMAT);
  expect(faults).toEqual([]);
  expect(samples).toEqual([
    'gauge up{job="a"} 1 2026-11-29T12:00:00.000000Z',
    'cumulative up NaN 2026-11-29T12:00:00.500000Z',
  ]);
});

it('says of each bad line what is wrong', async () => {
  const good = '{"name":"up","value":1,"time":1795953600000}';
  const lines = [
    good,
    '{"name":"up",',
    '[1]',
    '{"name":"up","value":1}',
    '{"name":"up","value":null,"time":1795953600000}',
    '{"name":"up","value":1,"time":1795953600000,"tags":{}}',
    '{"name":"up","value":1,"time":1795953600000,"kind":"event"}',
    '{"name":"up","value":1,"time":{}}',
    good,
  ];
  const { samples, faults } = await readBytes(lines.join('\n'), FORMAT);
  expect(samples).toHaveLength(2);
  const expected = ['2:: no JSON', '3:: it is no object', '4:: there is no field time'];
  expected.push('5:: the value is null', '6:: the field is "tags"; did you mean labels?');
  expected.push('7:: it is an event', '8:: the time is {}');
  expect(faults).toHaveLength(expected.length);
  expected.forEach((start, i) => expect(faults[i]).toContain(start));
});

it('may leave the name to the command', async () => {
  const text = '{"value":1,"time":1795953600000}\n{"name":"b","value":1,"time":1795953600000}';
  const { samples } = await readBytes(text, { ...FORMAT, metric: 'a' });
  expect(samples.map((one) => one.split(' ')[1])).toEqual(['a', 'b']);
});
