import { compileRules } from '@millrace/rules';
import { systemClock } from '@millrace/runtime';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { expect, it } from 'vitest';
import { acknowledgeLosses } from './acknowledge-losses.ts';
import { applyRules } from './apply-rules.ts';
import { openControl } from './open-control.ts';
import { readHistory } from './read-history.ts';

const clock = systemClock;
const [LOG, OTHER] = ['ab'.repeat(16), 'cd'.repeat(16)];
const wanted = (latenessUs: number) => ({
  rules: compileRules(undefined),
  settings: { ...DEFAULT_FOLD_SETTINGS, latenessUs },
  foldVersion: 1,
  source: '',
});

it('what is known is the most that was ever said, and stays beside the rules', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  const parts = { stream, clock };
  const lost = (partition: number, samples: number, logId = LOG) => ({ partition, logId, samples });
  await expect(acknowledgeLosses(parts, [lost(0, 1)], '')).rejects.toMatchObject({
    code: 'CONTROL_NOT_BEGUN',
  });
  await openControl(parts, wanted(1));
  await acknowledgeLosses(parts, [lost(0, 7), lost(1, 2)], 'a disk');
  await applyRules(parts, wanted(2));
  await acknowledgeLosses(parts, [lost(0, 5), lost(1, 3)], '');
  const history = await readHistory(stream);
  expect(history.versions).toHaveLength(2);
  expect([0, 1].map((partition) => history.acknowledged(partition, LOG))).toEqual([7, 3]);
  expect(history.acknowledged(0, OTHER)).toBe(0);
});
