export { MemoryLog } from './memory-log.ts';
export { openMemoryStream } from './memory-stream.ts';
