import { compileRules } from '@millrace/rules';
import { systemClock } from '@millrace/runtime';
import { TOPIC_CONTROL } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { expect, it, vi } from 'vitest';
import { applyRules } from './apply-rules.ts';
import { ControlFollower } from './control-follower.ts';
import { openControl } from './open-control.ts';

const clock = systemClock;
const wanted = (latenessUs: number) => ({
  rules: compileRules(undefined),
  settings: { ...DEFAULT_FOLD_SETTINGS, latenessUs },
  foldVersion: 1,
  source: '',
});

it('tells versions as they come, until it is stopped', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  const follower = new ControlFollower({ stream, clock, onRetry: () => undefined });
  const running = follower.run();
  expect(follower.versionsAfter(0)).toEqual([]);
  const { inForce } = await openControl({ stream, clock }, wanted(1_000_000));
  await vi.waitFor(() => expect(follower.versionsAfter(0)).toHaveLength(1));
  const { version } = await applyRules({ stream, clock }, wanted(2_000_000));
  await vi.waitFor(() => expect(follower.versionsAfter(inForce.number)).toEqual([version]));
  expect(follower.versionsAfter(version.number)).toEqual([]);
  await follower.stop();
  await running;
});

it('ends with what no retry can mend', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  await stream.producer().append(TOPIC_CONTROL, 0, Uint8Array.of(0x92, 9, 0));
  const follower = new ControlFollower({ stream, clock, onRetry: () => undefined });
  await expect(follower.run()).rejects.toMatchObject({ code: 'WIRE_VERSION' });
});
