import { isMissing, reportMissing } from '@millrace/runtime/testing';
import { expect, test } from 'vitest';
import { bundleSimulation } from './bundle-simulation.ts';
import { findOtherNode } from './other-node.ts';
import { runSimulation } from './run-simulation.ts';

const other = await findOtherNode();
if (isMissing(other)) reportMissing(other);

test.skipIf(isMissing(other))(
  'another Node replays every step',
  async () => {
    if (isMissing(other)) return;
    const file = await bundleSimulation('other-node');
    const order = { firstSeed: 1, seeds: 8, stopsAtFailure: false };
    const [here, there] = await Promise.all([
      runSimulation({ file, order, timeoutMs: 100_000 }),
      runSimulation({ file, order, timeoutMs: 100_000, node: other.path }),
    ]);
    expect(here.lines, here.stderr).toHaveLength(order.seeds);
    expect(here.lines.flatMap(({ problems }) => problems)).toEqual([]);
    expect(there.lines, `${other.version}: ${there.stderr}`).toEqual(here.lines);
  },
  120_000,
);
