export { FRAME_HEADER_BYTES, frameBytes, SEGMENT_HEADER_BYTES } from '../segment-format.ts';
export { SimulatedFiles } from '../simulated-files.ts';
