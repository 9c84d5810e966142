import { MillraceError } from '@millrace/runtime';
import { expect, it } from 'vitest';
import { PartitionProgress } from './partition-progress.ts';

const T0 = 1_700_000_000_000_000;

it('waits, with the reason, while the store owes an answer for long', () => {
  const progress = new PartitionProgress(2);
  progress.running();
  progress.askingSinceUs = T0;
  progress.pendingSinceUs = T0 - 1_000_000;
  expect(progress.status(T0 + 9_000_000)).toMatchObject({ state: 'running', lagMs: 10_000 });
  expect(progress.status(T0 + 12_000_000)).toMatchObject({
    state: 'waiting',
    reason: { code: 'WRITER_STORE_SILENT', message: expect.stringContaining('12 s') },
  });
  progress.askingSinceUs = undefined;
  expect(progress.status(T0 + 12_000_000)).toMatchObject({ state: 'running' });
});

it('waits longer for the answer to a batch of a backlog, which is larger', () => {
  const progress = new PartitionProgress(2);
  progress.running();
  progress.askingSinceUs = T0;
  progress.askingShare = 3.5;
  expect(progress.status(T0 + 34_000_000)).toMatchObject({ state: 'running' });
  expect(progress.status(T0 + 36_000_000)).toMatchObject({ state: 'waiting' });
});

it('keeps the reason of a failure, which says more', () => {
  const progress = new PartitionProgress(2);
  progress.waiting(new MillraceError({ code: 'STORE_AWAY', kind: 'transient', message: 'Away.' }));
  progress.askingSinceUs = T0;
  expect(progress.status(T0 + 60_000_000).reason).toMatchObject({ code: 'STORE_AWAY' });
});
