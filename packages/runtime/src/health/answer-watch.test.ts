import { expect, test } from 'vitest';
import { AnswerWatch } from './answer-watch.ts';
import type { Clock } from '../time/clock.ts';
import { MillraceError } from '../errors.ts';
import { silentLog, type Log } from '../log/log.ts';

const SETTINGS = { everyMs: 2000, answerMsMax: 3000 };

/** A clock that a test moves, and something that answers when the test says so. */
function begin() {
  let nowUs = 0;
  const lines: string[] = [];
  const asked: { answer(): void; refuse(error: Error): void }[] = [];
  let wake: () => void = () => undefined;
  const clock: Clock = {
    nowUs: () => nowUs,
    sleep: async (_ms, signal) => {
      await new Promise<void>((resolve) => {
        wake = resolve;
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
  const log: Log = {
    ...silentLog,
    warn: (_, message) => lines.push(message),
    info: (_, message) => lines.push(message),
  };
  const ask = () =>
    new Promise<void>((resolve, reject) => asked.push({ answer: resolve, refuse: reject }));
  const watch = new AnswerWatch({ clock, log, name: 'store', ask }, SETTINGS);
  const ending = new AbortController();
  const running = watch.run(ending.signal);
  return {
    watch,
    lines,
    asked,
    pass: (ms: number) => (nowUs += ms * 1000),
    askAgain: async () => {
      await settle();
      wake();
      await settle();
    },
    end: async () => {
      ending.abort();
      await running;
    },
  };
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test('what does not answer is told after a while, with for how long, until it does', async () => {
  const { watch, lines, asked, pass, askAgain, end } = begin();
  expect(watch.dependency).toEqual({ name: 'store', state: 'ok' });
  asked[0]!.answer();
  await askAgain();
  expect(asked).toHaveLength(2);
  pass(2999);
  expect(watch.problem).toBeUndefined();
  pass(1);
  const detail =
    'It has not answered for 3 s. It may stand still, or the network may lose packets.';
  expect(watch.dependency).toEqual({ name: 'store', state: 'degraded', detail });
  pass(4000);
  expect(watch.problem).toContain('for 7 s');
  // The question that was given up does not begin it anew.
  const params = { code: 'X', kind: 'transient', message: 'No answer.', remedy: 'Look.' } as const;
  asked[1]!.refuse(new MillraceError(params));
  await askAgain();
  pass(1000);
  expect(watch.problem).toBe('It has not answered for 8 s. X: No answer. Look.');
  asked[2]!.refuse(new Error('No answer.'));
  await askAgain();
  asked[3]!.answer();
  await settle();
  expect(watch.dependency.state).toBe('ok');
  expect(lines).toEqual(['It is not there.', 'It answers again.']);
  await end();
});

test('what refuses is told at once', async () => {
  const { watch, asked, askAgain, end } = begin();
  asked[0]!.refuse(new Error('refused'));
  await askAgain();
  expect(watch.problem).toBe('It has not answered for 0 s. refused');
  asked[1]!.answer();
  await end();
});
