import { compileRules } from '@millrace/rules';
import { systemClock } from '@millrace/runtime';
import { TOPIC_CONTROL, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { expect, it, vi } from 'vitest';
import { applyRules } from './apply-rules.ts';
import { ControlFollower } from './control-follower.ts';
import { openControl } from './open-control.ts';

const clock = systemClock;
const settings = { onRetry: () => undefined, onStopped: () => undefined, lookAgainMs: 5 };
const wanted = (latenessUs: number) => ({
  rules: compileRules(undefined),
  settings: { ...DEFAULT_FOLD_SETTINGS, latenessUs },
  foldVersion: 1,
  source: '',
});

it('tells versions as they come, until it is stopped', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  const follower = new ControlFollower({ stream, clock, ...settings });
  const running = follower.run();
  expect(follower.versionsAfter(0)).toEqual([]);
  const { inForce } = await openControl({ stream, clock }, wanted(1_000_000));
  await vi.waitFor(() => expect(follower.versionsAfter(0)).toHaveLength(1), 10_000);
  const { version } = await applyRules({ stream, clock }, wanted(2_000_000));
  await vi.waitFor(() => expect(follower.versionsAfter(inForce.number)).toEqual([version]), 10_000);
  expect(follower.versionsAfter(version.number)).toEqual([]);
  await follower.stop();
  await running;
});

it('tells once of what no retry can mend, and goes on when a person has mended it', async () => {
  const broken = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  await broken.producer().append(TOPIC_CONTROL, 0, Uint8Array.of(0x92, 9, 0));
  const sound = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  await openControl({ stream: sound, clock }, wanted(1_000_000));
  let reads = 0;
  const stream: Stream = {
    ...broken,
    reader: (...where) => {
      reads += 1;
      return (reads < 4 ? broken : sound).reader(...where);
    },
  };
  const onStopped = vi.fn<(error: unknown) => void>();
  const follower = new ControlFollower({ stream, clock, ...settings, onStopped });
  const running = follower.run();
  await vi.waitFor(() => expect(follower.versionsAfter(0)).toHaveLength(1), 10_000);
  expect(reads).toBe(4);
  expect(onStopped.mock.calls).toEqual([[expect.objectContaining({ code: 'WIRE_VERSION' })]]);
  await follower.stop();
  await running;
});
