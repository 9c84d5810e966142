export { acceptLogs } from './accept-log.ts';
export { acceptPartitions, type AcceptedPartition } from './accept-partitions.ts';
export { beginLog } from '../begin-log.ts';
