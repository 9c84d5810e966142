import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { MillraceError } from '@millrace/runtime';
import { createThreadLink } from './thread-link.ts';

interface Adder {
  add(numbers: readonly number[]): Promise<number>;
  fail(): void;
  hang(): Promise<void>;
}

const { port1, port2 } = new MessageChannel();
afterEach(() => port1.close());

const adder: Adder = {
  add: async (numbers) => numbers.reduce((sum, number) => sum + number, 0),
  fail: () => {
    throw new MillraceError({ code: 'NO', kind: 'permanent', message: 'No.', remedy: 'Do.' });
  },
  hang: () => new Promise(() => undefined),
};

test('calls are answered, errors keep code, kind and remedy, a closed link refuses', async () => {
  createThreadLink<Record<string, never>>(port1, adder);
  const link = createThreadLink<Adder>(port2, {});
  const sums = await Promise.all([link.call('add', [1, 2]), link.call('add', [3, 4])]);
  expect(sums).toEqual([3, 7]);
  await expect(link.call('fail')).rejects.toMatchObject({
    code: 'NO',
    kind: 'permanent',
    message: 'No.',
    remedy: 'Do.',
  });
  const hanging = link.call('hang');
  link.close(new Error('gone'));
  await expect(hanging).rejects.toThrow('gone');
  await expect(link.call('add', [1])).rejects.toThrow('gone');
});
