export { arbitraryBatch } from '../batch/testing/arbitrary-batch.ts';
export { describeBatch, type DescribedBatch } from '../batch/testing/describe-batch.ts';
export { encodeDataRecordV1 } from './encode-data-record-v1.ts';
export { onlyNewest } from './only-newest.ts';
export { seriesRecordV1 } from './series-record-v1.ts';
export { METRIC_TYPES } from '../remote-write/metric-type.ts';
export {
  arbitraryHistogram,
  arbitraryMetadata,
  arbitrarySeries,
} from '../remote-write/testing/arbitrary-write-request.ts';
export {
  decodeAll as tellWriteRequest,
  type Told,
} from '../remote-write/testing/recording-sink.ts';
export { KeyMemorySink } from '../remote-write/testing/key-memory-sink.ts';
export { toldOf } from '../remote-write/testing/told-of.ts';
export { oracleDecode } from '../remote-write/testing/write-request-oracle.ts';
export { decodeAll as tellPush, type ToldSample } from '../push/testing/recording-push-sink.ts';
