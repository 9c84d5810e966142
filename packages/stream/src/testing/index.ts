export { testStream, type OpenStream, type StreamUnderTest } from './stream-contract.testsuite.ts';
export { GroupWork, type WorkingMember } from './group-work.ts';
export {
  GROUP_TEST_PARTITIONS,
  testPartitionGroup,
  type GroupUnderTest,
} from './partition-group-contract.testsuite.ts';
