import type { TimeUs } from '@millrace/model';

/**
 * The version of data records that a writer puts first; readers accept it and the one before it.
 * The other kinds did not change with it: they are still written as version 1.
 */
export const EVENTS_RECORD_VERSION = 2;
/** The one before it. */
export const FIRST_EVENTS_RECORD_VERSION = 1;

/** Kinds of records in a partition of `metrics.events`. On the wire: never renumber. */
export const EventsRecordKind = { log: 0, data: 1, tick: 2, barrier: 3 } as const;

/** The first record of every partition: whoever finds it empty appends one, the lowest wins. */
export interface LogRecord {
  kind: typeof EventsRecordKind.log;
  /** Random, 16 bytes as hex. */
  logId: string;
}

/** Moves partition time of an idle partition; appended by its owner after one second. */
export interface TickRecord {
  kind: typeof EventsRecordKind.tick;
  /** The owner's own clock. */
  receivedAtUs: TimeUs;
}

/** Changes rules, settings or fold version for everything behind it in this partition. */
export interface BarrierRecord {
  kind: typeof EventsRecordKind.barrier;
  /** Offset in `metrics.control` of the version it brings. Repeats and lower ones are ignored. */
  number: number;
  /**
   * The version it follows; 0: none, it can begin a log. A barrier is ignored where an older
   * version than this one is in force: what lies between has to come first.
   */
  after: number;
  /** P of the log; 0 in logs that do not tell. */
  partitions: number;
  foldVersion: number;
  settings: FoldSettings;
  /** Compiled rules, in the form `@millrace/rules` reads back; every edition has its number. */
  rules: unknown;
  /** What is folded beside them, the oldest first. Absent: nothing. */
  candidates?: BarrierCandidate[];
}

/** Rules whose editions are folded beside those in force. */
export interface BarrierCandidate {
  /** The number of the version that began it. */
  number: number;
  /** Compiled rules, like those in force; their editions are no others. */
  rules: unknown;
}

/** What folding depends on beside the data: it travels in the log, so that folding stays pure. */
export interface FoldSettings {
  /** How far the watermark trails partition time. */
  latenessUs: TimeUs;
  /** How long an untouched piece is kept after its end, for rules that aggregate series away. */
  retainUs: TimeUs;
  /** Newest times a series remembers for dedupe. */
  rememberedTimesMax: number;
  /** Newest gaps a series remembers. */
  gapsMax: number;
  /** Series one partition remembers for dedupe; the least recently seen are forgotten. */
  seriesMax: number;
  /** Series one partition remembers as defined for the store; beyond, all are defined again. */
  definitionsMax: number;
  /**
   * Label sets one partition remembers: many times as many as receivers count on
   * (`definitionsBetweenMax`), or samples become dead letters. In all they have at most 512 bytes
   * for each: of longer ones there are fewer. Older logs mean `definitionsMax`.
   */
  labelSetsMax: number;
  /** Metrics one partition remembers the metadata of. */
  metadataMax: number;
  /** A series idle for this long is forgotten. */
  seriesIdleUs: TimeUs;
  identityHorizonUs: TimeUs;
  identitiesMax: number;
  /** Open pieces of one partition. */
  piecesMax: number;
  /** Inputs one piece remembers for `sum_last`, `avg_last` and `count_series`. */
  pieceInputsMax: number;
  /** Interval of boundaries for rules that aggregate series away. */
  publishUs: TimeUs;
  /** Interval of boundaries for roll-ups wider than it. */
  rollupPublishUs: TimeUs;
  /** A sample may lie this far ahead of its arrival. */
  futureSkewUs: TimeUs;
  /** A record's receivedAt caps its append time at this much more. */
  appendCapUs: TimeUs;
}

/** How a retry of a request is recognised. On the wire: never renumber. */
export const IdentityKind = { none: 0, key: 1, sequence: 2, digest: 3 } as const;
export type IdentityKind = (typeof IdentityKind)[keyof typeof IdentityKind];
export type IdentityKindName = keyof typeof IdentityKind;

/**
 * Labels of some of the record's series by reference: `labelRefs` pairs index the symbols. A
 * receiver leaves out those of timed series that it put into the log a short while ago.
 */
export interface Definitions {
  /** The series of the record that are defined in it, by their number in it; ascending. */
  rows: Uint32Array;
  /** UTF-8 of all symbols, one after the other. */
  symbolBytes: Uint8Array;
  /** Byte length of each symbol. */
  symbolLengths: Uint32Array;
  /** Number of labels of each defined series, in the order of `rows`. */
  labelCounts: Uint8Array;
  /** Name and value reference of every label, series after series; names sorted by bytes. */
  labelRefs: Uint32Array;
}

/** Metadata of one metric, as remote write carries it. Never affects folding. */
export interface MetricMetadata {
  metric: string;
  /** Prometheus' word: counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown. */
  type: string;
  help: string;
  unit: string;
}

export interface ExemplarColumns {
  /** Index of the series in this record. */
  seriesIndex: number;
  timeUs: TimeUs;
  value: number;
  labels: [name: string, value: string][];
}

/**
 * The protocol of dead letters that are sent again. They were deduped and folded into windows when
 * they first came, so their request alone tells them from others, and only the store knows whether
 * it has them.
 */
export const REDRIVE_PROTOCOL = 'redrive';

/** One part of one request: what goes to one partition as one record, at most 900 KB. */
export interface DataRecord {
  kind: typeof EventsRecordKind.data;
  tenant: string;
  /** Which decoder read it: `events.json`, `remote_write.v1`, … */
  protocol: string;
  identityKind: IdentityKind;
  /** 16 bytes: digest of tenant, kind and key (or body); empty when the kind is none. */
  identity: Uint8Array;
  /** Number of this part among the request's parts for this partition. */
  part: number;
  /**
   * Ordinals, within this part before admission, of samples that were refused for a reason that
   * may pass (a limit, a clock): a retry may bring them again. Ascending.
   */
  refused: Uint32Array;
  /** Receiver instance: random, 8 bytes as hex, new at every start. */
  receiver: string;
  /** Consecutive number of this record among the instance's records for this partition, from 1. */
  sequence: number;
  /** Samples this instance has sent to this partition, this record included. */
  cumulativeSamples: number;
  /**
   * Of those, the samples that were known to be durable when this record was encoded: they lie
   * before it in this partition, or the log has lost them. 0 in logs that do not tell.
   */
  acknowledgedSamples: number;
  /** The lowest offset of the records that hold them; -1: none. */
  acknowledgedFrom: number;
  receivedAtUs: TimeUs;
  /** 16 bytes for each series. */
  fingerprints: Uint8Array;
  /** SampleKind of each series. */
  kinds: Uint8Array;
  definitions: Definitions;
  /** Columns, one value for each sample. */
  seriesIndex: Uint32Array;
  times: Float64Array;
  /** A stale marker's value is NaN, whatever its payload was: the flag tells. */
  values: Float64Array;
  /** SampleFlag bits. */
  flags: Uint8Array;
  /** Side columns, one value for each sample that has the flag, in the order of the samples. */
  ids: string[];
  startTimes: Float64Array;
  /** Canonical bytes of native histograms, see `histogram-codec.ts`. */
  histograms: Uint8Array[];
  exemplars: ExemplarColumns[];
  metadata: MetricMetadata[];
}

export type EventsRecord = LogRecord | TickRecord | BarrierRecord | DataRecord;
