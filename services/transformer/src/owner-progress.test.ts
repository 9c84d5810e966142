import { MillraceError } from '@millrace/runtime';
import { expect, it } from 'vitest';
import { OwnerProgress } from './owner-progress.ts';

const T0 = 1_700_000_000_000_000;
const away = new MillraceError({ code: 'STATE_AWAY', kind: 'transient', message: 'Away.' });

function running(): OwnerProgress {
  const progress = new OwnerProgress(3);
  progress.takenOver(10);
  progress.running();
  return progress;
}

it('tells the age of what is not folded, and of what is folded and not committed', () => {
  const progress = running();
  expect(progress.levels(T0)).toEqual({ lagMs: 0, behindRecords: 0, uncommittedMs: 0 });
  progress.folded(12, [T0, T0 + 1_000_000]);
  progress.endOffset = 15;
  const levels = { lagMs: 4000, behindRecords: 3, uncommittedMs: 5000 };
  expect(progress.levels(T0 + 5_000_000)).toEqual(levels);
  progress.commitBegins();
  progress.folded(15, [T0 + 3_000_000]);
  // Until it is done, what the commit holds counts.
  expect(progress.levels(T0 + 5_000_000)).toMatchObject({ lagMs: 0, uncommittedMs: 5000 });
  progress.committed();
  expect(progress.levels(T0 + 5_000_000)).toMatchObject({ uncommittedMs: 2000 });
  progress.commitBegins();
  progress.committed();
  expect(progress.levels(T0 + 5_000_000)).toMatchObject({ uncommittedMs: 0 });
});

it('waits with the reason while a call fails, and runs again once one succeeded', () => {
  const progress = running();
  progress.begins('commit', T0);
  expect(progress.status(T0)).toMatchObject({ partition: 3, state: 'running' });
  progress.failed('commit', away, T0);
  expect(progress.status(T0)).toMatchObject({ state: 'waiting', reason: { code: 'STATE_AWAY' } });
  // Reading goes on meanwhile: that alone does not make it well.
  progress.running();
  expect(progress.status(T0)).toMatchObject({ state: 'waiting' });
  progress.done('commit');
  expect(progress.status(T0)).toMatchObject({ state: 'running' });
  expect(progress.status(T0)).not.toHaveProperty('reason');
});

it('waits while a call has no answer at all for long', () => {
  const progress = running();
  progress.begins('publish', T0);
  expect(progress.status(T0 + 9_000_000).state).toBe('running');
  expect(progress.status(T0 + 11_000_000)).toMatchObject({
    state: 'waiting',
    reason: { code: 'TRANSFORMER_STUCK', message: expect.stringContaining('metrics.series') },
  });
});

it('keeps the reason for which it stopped', () => {
  const progress = running();
  progress.failed('publish', away, T0);
  progress.stopped(new MillraceError({ code: 'GONE', kind: 'permanent', message: 'Gone.' }));
  expect(progress.status(T0)).toMatchObject({ state: 'stopped', reason: { code: 'GONE' } });
});
