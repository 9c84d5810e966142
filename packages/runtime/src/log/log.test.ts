import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
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

test.each(['json', 'text'])('a disk that is full of %s lines ends nobody', (format) => {
  const built = new URL('../../dist/index.js', import.meta.url).href;
  const code = `
    const { createConsoleLog } = await import(process.argv[1]);
    const log = createConsoleLog({ logging: { level: 'info', format: '${format}' } });
    for (let i = 0; i < 3; i += 1) log.info({ i }, 'It goes on.');
    await new Promise((resolve) => setImmediate(resolve));
    process.stdout.write('done');`;
  const full = openSync('/dev/full', 'w');
  const args = ['--input-type=module', '--eval', code, built];
  const { status, stdout } = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', full] });
  closeSync(full);
  expect({ status, stdout: stdout.toString() }).toEqual({ status: 0, stdout: 'done' });
});
