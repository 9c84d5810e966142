export { acceptLogs, type AcceptedPartition } from './accept-log.ts';
