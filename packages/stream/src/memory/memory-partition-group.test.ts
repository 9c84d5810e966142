import { systemClock } from '@millrace/runtime';
import { expect, test } from 'vitest';
import {
  GROUP_TEST_PARTITIONS,
  testPartitionGroup,
} from '../testing/partition-group-contract.testsuite.ts';
import { MemoryGroup, openMemoryPartitionGroup } from './memory-partition-group.ts';

testPartitionGroup({
  name: 'memory',
  settleMsMax: 5000,
  open: async () => {
    const group = new MemoryGroup({ partitions: GROUP_TEST_PARTITIONS, clock: systemClock });
    return {
      member: (settings) => openMemoryPartitionGroup(group, { letGoMsMax: 5000, ...settings }),
      dispose: async () => undefined,
    };
  },
});

test('positions are noted', async () => {
  const group = new MemoryGroup({ partitions: 2, clock: systemClock });
  const member = openMemoryPartitionGroup(group, { letGoMsMax: 5000 });
  const over = member.run(async () => undefined);
  await member.advise(new Map([[1, 7]]));
  expect(group.advised).toEqual(new Map([[1, 7]]));
  await member.leave();
  await over;
});
