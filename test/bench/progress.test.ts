import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Progress } from './progress.ts';

let nowMs = 0;
beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function pass(seconds: number): void {
  for (let half = 0; half < 2 * seconds; half += 1) {
    nowMs += 500;
    vi.advanceTimersByTime(500);
  }
}

function written(isTTY: boolean): { text: () => string; progress: Progress } {
  let text = '';
  const stream = { write: (more: string) => (text += more), isTTY, columns: 60 };
  return { text: () => text, progress: new Progress(stream, () => nowMs) };
}

test('without a terminal each step is a line, and one every ten seconds of it', () => {
  const { text, progress } = written(false);
  let sent = 0;
  progress.of('millrace');
  progress.begin('starting');
  pass(3);
  progress.begin('sending', () => `${sent} samples`);
  sent = 7;
  pass(70);
  progress.beside(() => undefined);
  progress.end();
  pass(30);
  const lines = text().split('\n');
  expect(lines.slice(0, 4)).toEqual([
    '[0:00] millrace: starting',
    '[0:03] millrace: sending, 0 samples',
    '[0:13] millrace: sending, 7 samples, for 10 s',
    '[0:23] millrace: sending, 7 samples, for 20 s',
  ]);
  expect(lines.slice(8)).toEqual(['[1:13] millrace: sending, 7 samples, for 70 s', '']);
});

test('on a terminal one line is rewritten, no wider than it is, and is gone in the end', () => {
  const { text, progress } = written(true);
  progress.begin('waiting until 20,000,000 samples are visible', () => 'x'.repeat(50));
  pass(1);
  expect(text()).not.toContain('\n');
  const drawn = text().split('\r\u001B[2K').slice(1);
  expect(drawn).toHaveLength(3);
  expect(drawn.every((line) => line.length === 59)).toBe(true);
  let above = '';
  progress.beside(() => (above = text()));
  expect(above.endsWith('\r\u001B[2K')).toBe(true);
  expect(text().slice(above.length)).toContain('waiting until');
  progress.end();
  const end = text();
  expect(end.endsWith('\r\u001B[2K')).toBe(true);
  pass(5);
  expect(text()).toBe(end);
});
