export {
  openSegmentStream,
  type SegmentStream,
  type SegmentStreamParams,
} from './segment-stream.ts';
export { DEFAULT_SEGMENT_SETTINGS, type SegmentSettings } from './segment-settings.ts';
export { createSegmentShared, disownTopic } from './segment-shared.ts';
export { nodeFiles, type SegmentFile, type SegmentFiles } from './segment-files.ts';
export { openSegmentView, type SegmentViewParams } from './segment-view.ts';
