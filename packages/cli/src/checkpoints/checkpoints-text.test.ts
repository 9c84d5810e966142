import pc from 'picocolors';
import { expect, test } from 'vitest';
import { formatOutcomes } from './checkpoints-text.ts';

test('each line says of which partition it is', () => {
  const text = formatOutcomes(
    [
      { partition: 0, outcome: 'made', checkpointId: 'a', position: 12, bytes: 2048, tookMs: 7 },
      { partition: 1, outcome: 'unchanged' },
      { partition: 2, outcome: 'failed', code: 'LOG_FULL', message: 'The disk is full.' },
    ],
    pc.createColors(false),
  );
  const partitions = text.split('\n').map((line) => /^partition (\d):/.exec(line)?.[1]);
  expect(partitions).toEqual(['0', '1', '2']);
});
