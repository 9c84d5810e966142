import { expect, test } from 'vitest';
import { createTextLog } from './text-log.ts';

function logging(level: 'info' | 'error'): {
  lines: string[];
  log: ReturnType<typeof createTextLog>;
} {
  const lines: string[] = [];
  const now = () => new Date(2026, 0, 2, 3, 4, 5);
  const write = (line: string): void => void lines.push(line);
  return { lines, log: createTextLog({ level, colours: false, write, now }) };
}

test('a line holds time, level, stage, sentence and fields', () => {
  const { lines, log } = logging('info');
  log.child({ stage: 'writer' }).warn({ partition: 3, what: 'a b', gone: undefined }, 'It waits.');
  expect(lines).toEqual(['03:04:05 warn  writer      It waits. partition=3 what="a b"\n']);
});

test('sentences of fields have lines of their own', () => {
  const { lines, log } = logging('info');
  log.error({ means: 'Bad.', remedy: 'Do this.', stack: 'Error: x\n  at y' }, 'Stopped.');
  expect(lines[0]?.split('\n').map((line) => line.trim())).toEqual([
    '03:04:05 error millrace    Stopped.',
    'Bad.',
    '→ Do this.',
    'Error: x',
    'at y',
    '',
  ]);
});

test('less important lines are left out', () => {
  const { lines, log } = logging('error');
  log.debug({}, 'a');
  log.info({}, 'b');
  log.warn({}, 'c');
  log.error({}, 'd');
  expect(lines).toHaveLength(1);
});
