export { decodeManifest, encodeManifest } from '../manifest.ts';
export type { ArchivedRange } from '../range.ts';
export { parseListing, type ListedPage } from '../s3/s3-answers.ts';
