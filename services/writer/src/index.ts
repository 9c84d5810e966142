export { checkNotAhead } from './check-not-ahead.ts';
export { isBelieved } from './is-believed.ts';
export { keepExpiring } from './keep-expiring.ts';
export { releasingEvents, type ReadStatePosition } from './release-events.ts';
export type { StoredMarks } from './partition-writer.ts';
export { DEFAULT_WRITER_SETTINGS, writerSettings, type WriterSettings } from './settings.ts';
export { createWriter, type WriterComponents } from './writer.ts';
export { WRITER_CODES, type WriterCode } from './writer-errors.ts';
