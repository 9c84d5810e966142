export { MemoryLog } from './memory-log.ts';
export { openMemoryStream } from './memory-stream.ts';
export { MemoryGroup, openMemoryPartitionGroup } from './memory-partition-group.ts';
