import { expect, test } from 'vitest';
import { createLog } from './log.ts';

test('every key is there once, and a child has the last word', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLog({ level: 'info', fields: { stage: 'writer', pid: 7 }, destination });
  log.child({ stage: 'transformer', partition: 1 }).child({ partition: 2 }).warn({}, 'It waits.');
  log.debug({}, 'Not shown.');
  expect(lines).toHaveLength(1);
  const [line] = lines;
  expect(line?.match(/"(stage|partition)":/g)).toHaveLength(2);
  expect(JSON.parse(line ?? '')).toMatchObject({
    ...{ stage: 'transformer', partition: 2, pid: 7 },
    msg: 'It waits.',
  });
});
