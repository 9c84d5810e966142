import type { ArchiveSection } from './archive-settings.ts';

/** What is needed to reach an archive; the rest of the section says how it is filled. */
export type ArchiveAccess = Omit<
  ArchiveSection,
  'rangeBytesMax' | 'rangeMsMax' | 'checkpointMs' | 'samplesTable'
>;
