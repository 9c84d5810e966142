export { Archiver, type ArchivedPosition, type ArchiverParts } from './archiver.ts';
export type { ArchiveFiles, ListedFile } from './archive-files.ts';
export {
  archiveDefinition,
  DEFAULT_RANGE_SETTINGS,
  type ArchiveSection,
} from './archive-settings.ts';
export { archivedToOf, createArchivedTo } from './archived-ends.ts';
export { ArchiveWatch } from './archive-watch.ts';
export type { ArchiveBinding } from './binding/archive-binding.ts';
export { createControlBinding } from './binding/control-binding.ts';
export { createFileBinding } from './binding/file-binding.ts';
export { bindFiles, openArchive, type OpenedArchive } from './binding/open-archive.ts';
export { createArchiveEvents, type ArchiveEvents } from './archive-events.ts';
export { ArchiveKeeper, type ArchiveKeeperParts } from './archive-keeper.ts';
export type { RangeManifest } from './manifest.ts';
export { openArchiveFiles } from './open-archive-files.ts';
export { openWithArchive } from './open-with-archive.ts';
export type { ArchiveAccess } from './archive-access.ts';
export type { ArchivedRange } from './range.ts';
export { withArchive, type WithArchiveParts } from './with-archive.ts';
export { lookAtArchive, type ArchivedLogLook } from './look-at-archive.ts';
export { verifyArchive, type ArchiveFault, type ArchiveReport } from './verify-archive.ts';
