import { expect, test } from 'vitest';
import { createBackoff } from '../time/backoff.ts';
import { systemClock } from '../time/clock.ts';
import { DependencyWait } from './dependency-wait.ts';
import { MillraceError, type ErrorKind } from '../errors.ts';
import { silentLog, type Log } from '../log/log.ts';

function begin() {
  const lines: string[] = [];
  const note = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    const { code } = fields;
    lines.push(typeof code === 'string' ? `${code} ${message}` : message);
  };
  const log: Log = { ...silentLog, info: note, warn: note };
  const stopping = new AbortController();
  const wait = new DependencyWait({
    log,
    signal: stopping.signal,
    createBackoff: () => createBackoff({ clock: systemClock }, { delayMsMin: 1, delayMsMax: 1 }),
  });
  return { lines, stopping, wait };
}

function failure(code: string, kind: ErrorKind): MillraceError {
  return new MillraceError({ code, kind, message: 'It is away.', remedy: 'Start it.' });
}

test('what is away is waited for, and told when the reason changes', async () => {
  const { lines, wait } = begin();
  const failures = ['AWAY', 'AWAY', 'NOT_SET_UP', 'NOT_SET_UP', 'AWAY'];
  const seen: unknown[] = [];
  const found = await wait.until('kafka', async () => {
    seen.push(wait.dependencies[0]);
    const code = failures.shift();
    if (code !== undefined) throw failure(code, code === 'AWAY' ? 'transient' : 'permanent');
    return 7;
  });
  expect(found).toBe(7);
  expect(lines).toEqual([
    'AWAY The process waits for what it needs.',
    'NOT_SET_UP The process waits for what it needs.',
    'AWAY The process waits for what it needs.',
    'It is there now.',
  ]);
  expect(seen.at(-1)).toEqual({
    name: 'kafka',
    state: 'down',
    detail: 'AWAY: It is away. Start it.',
  });
  expect(wait.dependencies).toEqual([{ name: 'kafka', state: 'ok' }]);
});

test('what is there at once is nothing to talk about', async () => {
  const { lines, wait } = begin();
  await wait.until('kafka', async () => undefined);
  expect(lines).toEqual([]);
});

test.each([
  failure('SETTING_X', 'permanent'),
  failure('STREAM_ADDRESS', 'permanent'),
  failure('X', 'defect'),
  new Error('nobody expected this'),
])('waiting does not help against %s', async (error) => {
  const { wait } = begin();
  let attempts = 0;
  const waiting = wait.until('kafka', async () => {
    attempts += 1;
    throw error;
  });
  await expect(waiting).rejects.toBe(error);
  expect(attempts).toBe(1);
});

test('a process that is stopped waits no longer', async () => {
  const { wait, stopping } = begin();
  const waiting = wait.until('kafka', async () => {
    throw failure('AWAY', 'transient');
  });
  const reason = failure('STOP', 'aborted');
  stopping.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(wait.until('kafka', async () => 1)).rejects.toBe(reason);
});
