export { testStream } from './stream-contract.testsuite.ts';
export type { LogAbility, OpenStream, StreamUnderTest } from './stream-subject.ts';
export { GroupWork, type WorkingMember } from './group-work.ts';
export {
  GROUP_TEST_PARTITIONS,
  testPartitionGroup,
  type GroupUnderTest,
} from './partition-group-contract.testsuite.ts';
