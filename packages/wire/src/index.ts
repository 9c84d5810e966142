export {
  EVENTS_RECORD_VERSION,
  EventsRecordKind,
  IdentityKind,
  REDRIVE_PROTOCOL,
  type BarrierCandidate,
  type BarrierRecord,
  type DataRecord,
  type Definitions,
  type EventsRecord,
  type ExemplarColumns,
  type FoldSettings,
  type IdentityKindName,
  type LogRecord,
  type MetricMetadata,
  type TickRecord,
} from './events/events-record.ts';
export {
  EntryType,
  lastFolded,
  LIVE_SOURCE,
  SERIES_RECORD_VERSION,
  type DeadLetterEntry,
  type DefinitionEntry,
  type EditionEndEntry,
  type EditionEntry,
  type Entries,
  type ExemplarEntry,
  type FoldedEvent,
  type HistogramEntry,
  type JobEdition,
  type JobEndEntry,
  type LedgerEntry,
  type MetadataEntry,
  type SampleColumns,
  type SeriesRecord,
  type SeriesRecordHeader,
  type UnverifiedEntry,
} from './series/series-record.ts';
export {
  CONTROL_RECORD_VERSION,
  ControlRecordKind,
  type ControlAcknowledgementRecord,
  type ControlCandidate,
  type ControlEditionRecord,
  type ControlArchiveRecord,
  type ControlJobsRecord,
  type ControlLogRecord,
  type ControlRecord,
  type ControlRulesRecord,
  type PartitionLoss,
} from './control/control-record.ts';
export { isJobSource, jobSource } from './control/job-source.ts';
export { decodeControlRecord, encodeControlRecord } from './control/control-record-codec.ts';
export {
  CHECKPOINT_RECORD_VERSION,
  CheckpointRecordKind,
  type CheckpointChunkRecord,
  type CheckpointManifest,
  type CheckpointManifestRecord,
  type CheckpointRecord,
  type PagePiece,
} from './checkpoints/checkpoint-record.ts';
export {
  CHUNK_OVERHEAD_BYTES,
  decodeCheckpointRecord,
  encodeCheckpointRecord,
  PIECE_OVERHEAD_BYTES,
} from './checkpoints/checkpoint-record-codec.ts';
export { ColumnRoom } from './fields/column-room.ts';
export { FieldWriter } from './fields/field-writer.ts';
export { corruptRecord } from './fields/columns.ts';
export { DefinitionReader, encodeDefinitions, metricOf } from './events/definitions.ts';
export { completeSettings, DEFAULT_FOLD_SETTINGS } from './events/fold-settings.ts';
export {
  FOLD_VERSION,
  FOLD_VERSIONS,
  LATE_RETAIN_US,
  tellsReasons,
  waitsForLate,
} from './series/fold-version.ts';
export { encodeDataRecord } from './events/data-record-codec.ts';
export { decodeEventsRecord, encodeEventsRecord } from './events/events-record-codec.ts';
export {
  decodeSeriesRecord,
  decodeSeriesRecordColumns,
  decodeSeriesRecordHeader,
  emptyEntries,
  listEntries,
  type AddressedEntry,
} from './series/series-record-codec.ts';
export { PieceColumns, PieceNumber, type PieceSketches } from './series/piece-columns.ts';
export type { RowEntries, RowEntryType } from './series/entry-codec.ts';
export { oneZero, SeriesRecordBuilder, type SealedRecord } from './series/series-record-builder.ts';
export {
  decodeBatch,
  DEFAULT_BATCH_LIMITS,
  type Batch,
  type BatchColumns,
  type BatchLimits,
  type BatchTable,
} from './batch/decode-batch.ts';
export { encodeBatch, type BatchFields } from './batch/encode-batch.ts';
export { canonicalLabels, checkLabels, type Rejection } from './samples/check-labels.ts';
export { DecodeError } from './samples/decode-error.ts';
export { decodeHistogram, encodeHistogram } from './fields/histogram-codec.ts';
export { DEFAULT_LABEL_LIMITS, type LabelLimits } from './samples/label-limits.ts';
export { JSON_FORM } from './push/decode-json.ts';
export { decodePush } from './push/decode-push.ts';
export { parseTime } from './push/parse-time.ts';
export { otherUnit, UNDOUBTED_US, type TimeUnit } from './samples/time-unit.ts';
export { readSample } from './push/read-sample.ts';
export { DEFAULT_PUSH_LIMITS, type PushLimits } from './push/push-limits.ts';
export type { PushFormat, PushSample, PushSink } from './push/push-sink.ts';
export {
  REJECT_REASONS,
  type RejectReason,
  type RejectReasonEntry,
} from './samples/reject-reasons.ts';
export { decodeLabels } from './remote-write/decode-labels.ts';
export { decodeWriteRequest } from './remote-write/decode-write-request.ts';
export {
  DEFAULT_WRITE_REQUEST_LIMITS,
  type WriteRequestLimits,
} from './remote-write/write-request-limits.ts';
export {
  encodeWriteRequest,
  type WriteExemplar,
  type WriteHistogram,
  type WriteSample,
  type WriteSeries,
} from './remote-write/encode-write-request.ts';
export { isStale } from './remote-write/is-stale.ts';
export { KEY_BYTES_MAX, KeyMemory, type ExpectedRun } from './remote-write/key-memory.ts';
export type { RemoteWriteSink } from './remote-write/remote-write-sink.ts';
export { decodeSoundMsgpack } from './fields/sound-msgpack.ts';
export { compressSnappy, snappyBufferBytes, uncompressSnappy } from './snappy.ts';
export {
  CUSTOM_BUCKETS_SCHEMA,
  EXPONENTIAL_SCHEMA_MAX,
  EXPONENTIAL_SCHEMA_MIN,
  HISTOGRAM_BUCKETS_MAX,
  validateHistogram,
} from './samples/validate-histogram.ts';
