import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { endWhenUnread, watchTerminals } from './output-gone.ts';

const BUILT = fileURLToPath(new URL('../dist/main.js', import.meta.url));

test('a command whose reader is gone ends without a word', async () => {
  const child = spawn(process.execPath, [BUILT, 'config', 'print'], { stdio: 'pipe' });
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  child.stdout.destroy();
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect({ code, told }).toEqual({ code: 141, told: '' });
});

function told(command: string | undefined, of: 'stdout' | 'stderr', code: string): number[] {
  const streams = { stdout: new EventEmitter(), stderr: new EventEmitter() };
  const exits: number[] = [];
  endWhenUnread({ command, ...streams, exit: (exit) => exits.push(exit) });
  streams[of].emit('error', Object.assign(new Error(`write ${code}`), { code }));
  return exits;
}

test('a service goes on, and so does a command that nobody reads the notices of', () => {
  for (const command of [undefined, '--port', 'up', 'run']) {
    expect(told(command, 'stdout', 'EPIPE')).toEqual([]);
    expect(told(command, 'stderr', 'EIO')).toEqual([]);
  }
  expect(told('sql', 'stderr', 'EPIPE')).toEqual([]);
  expect(told('sql', 'stdout', 'EIO')).toEqual([141]);
  expect(() => told('up', 'stderr', 'ENOSPC')).toThrow('ENOSPC');
});

test('a terminal that was closed meanwhile ends the process by SIGHUP', () => {
  const open = new Set([0, 2]);
  const ends: string[] = [];
  const endWithTerminal = watchTerminals(
    (fd) => open.has(fd),
    () => ends.push('SIGHUP'),
  );
  endWithTerminal();
  expect(ends).toEqual([]);
  open.clear();
  endWithTerminal();
  expect(ends).toEqual(['SIGHUP']);
});
