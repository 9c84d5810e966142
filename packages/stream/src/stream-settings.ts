/** The bounds that both adapters keep. */
export interface StreamSettings {
  /** The largest payload one append takes. */
  recordBytesMax: number;
  /** Payload bytes of one topic that may wait for their flush; beyond, STREAM_OVERLOADED. */
  inFlightBytesMax: number;
  /** A segment is closed before it would grow beyond this. */
  segmentBytes: number;
  /** A released segment is forgotten once its newest record is older. */
  retentionMs: number;
  /** Released segments go before their time while a partition holds more; 0: no such bound. */
  retentionBytes: number;
  /** All partitions of a topic together; beyond, STREAM_FULL. 0: no such bound. */
  topicBytesMax: number;
}

export const DEFAULT_STREAM_SETTINGS: StreamSettings = {
  recordBytesMax: 1024 * 1024,
  inFlightBytesMax: 64 * 1024 * 1024,
  segmentBytes: 64 * 1024 * 1024,
  retentionMs: 7 * 24 * 60 * 60 * 1000,
  retentionBytes: 0,
  topicBytesMax: 0,
};
