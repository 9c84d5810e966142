/** Why a request or a sample was refused. Stable: senders and dashboards match on them. */
export type RejectReason =
  | 'malformed_json'
  | 'malformed_msgpack'
  | 'malformed_batch'
  | 'malformed_protobuf'
  | 'malformed_snappy'
  | 'malformed_gzip'
  | 'too_deep'
  | 'body_too_large'
  | 'body_bomb'
  | 'unsupported_media_type'
  | 'unsupported_encoding'
  | 'unsupported_version'
  | 'unknown_session'
  | 'session_conflict'
  | 'empty_request'
  | 'too_many_samples'
  | 'too_many_series'
  | 'too_many_metadata'
  | 'sample_too_large'
  | 'not_an_object'
  | 'unknown_field'
  | 'missing_name'
  | 'invalid_name'
  | 'name_too_long'
  | 'invalid_label_name'
  | 'invalid_label_value'
  | 'duplicate_label'
  | 'too_many_labels'
  | 'label_name_too_long'
  | 'label_value_too_long'
  | 'nul_in_label'
  | 'invalid_utf8'
  | 'missing_value'
  | 'invalid_value'
  | 'invalid_time'
  | 'time_out_of_range'
  | 'time_too_far_in_future'
  | 'unknown_kind'
  | 'invalid_id'
  | 'histogram_invalid'
  | 'series_limit';

export interface RejectReasonEntry {
  /** HTTP status when the whole request is refused for it. */
  status: number;
  title: string;
  /** What the person who runs the sender can do about it. */
  remedy: string;
  /** The same bytes will be refused again: a failure of ours is never among the reasons. */
  retryable: false;
}

/** The manual of refusals: one entry for every reason. */
export const REJECT_REASONS: Readonly<Record<RejectReason, RejectReasonEntry>> = {
  malformed_json: entry(
    400,
    'The JSON cannot be parsed',
    'Check the body with a JSON parser; for one object per line send it as NDJSON.',
  ),
  malformed_msgpack: entry(
    400,
    'The MessagePack cannot be parsed',
    'Send exactly one MessagePack value whose map keys are strings, and nothing behind it.',
  ),
  malformed_batch: entry(
    400,
    'The batch cannot be read',
    'Send one MessagePack map with the fields and columns that packages/wire/batch.md draws.',
  ),
  malformed_protobuf: entry(
    400,
    'The protobuf message cannot be parsed',
    'Send a prometheus.WriteRequest of remote write 1.0, compressed once with snappy.',
  ),
  malformed_snappy: entry(
    400,
    'The body is not valid snappy',
    "Compress with snappy's block format; the framed (stream) format is something else.",
  ),
  malformed_gzip: entry(
    400,
    'The body is not valid gzip',
    'Check that the body is compressed once and complete, or drop the Content-Encoding header.',
  ),
  too_deep: entry(
    400,
    'The body is nested too deeply',
    'Send samples as flat objects: only `labels` holds another object.',
  ),
  body_too_large: entry(
    413,
    'The body is too large',
    'Send fewer samples in each request, or raise MILLRACE_RECEIVER__REQUEST_BYTES_MAX.',
  ),
  body_bomb: entry(
    413,
    'The body is too large once decompressed',
    'Send fewer samples in each request, or raise MILLRACE_RECEIVER__DECODED_BYTES_MAX.',
  ),
  unsupported_media_type: entry(
    415,
    'The content type is not supported',
    'Send application/json, application/x-ndjson or application/msgpack to /v1/events, ' +
      'application/msgpack to /v1/batch, and application/x-protobuf to /api/v1/write.',
  ),
  unsupported_encoding: entry(
    415,
    'The content encoding is not supported',
    'Send /v1/events and /v1/batch plain or with gzip, and /api/v1/write with snappy.',
  ),
  unsupported_version: entry(
    400,
    'The batch has a version that is not known here',
    'Update the receiver, or send batches of version 1.',
  ),
  unknown_session: entry(
    409,
    'The receiver does not know the labels of a series',
    'Send the same batch with a `table` that has all series of its samples: receivers forget ' +
      'tables when they start, and when there are too many.',
  ),
  session_conflict: entry(
    409,
    'A series number of the session has other labels already',
    'Begin a session of its own for every table: 16 random bytes, new whenever a producer starts.',
  ),
  empty_request: entry(
    400,
    'The request holds no samples',
    'Send at least one sample, or do not send the request.',
  ),
  too_many_samples: entry(
    413,
    'The request holds too many samples',
    'Split the samples over several requests.',
  ),
  too_many_metadata: entry(
    413,
    'The request holds too many entries of metadata',
    'Split the metadata over several requests.',
  ),
  too_many_series: entry(
    413,
    'The request holds too many series',
    'Split the series over several requests; those of a batch by a table in each.',
  ),
  sample_too_large: entry(
    422,
    'One sample takes too many bytes',
    'Send shorter labels: a series is named by its labels, they are no place for payloads.',
  ),
  not_an_object: entry(
    400,
    'The sample is not an object',
    'Send each sample as an object: {"name": "requests", "value": 1}.',
  ),
  unknown_field: entry(
    422,
    'The sample has a field that does not exist',
    'Use only name, labels, value, time, kind and id; everything else belongs into labels.',
  ),
  missing_name: entry(
    422,
    'The sample has no metric name',
    'Give every sample a name (in remote write: the label __name__).',
  ),
  invalid_name: entry(
    422,
    'The metric name is not valid',
    'Send the metric name as a string that is not empty.',
  ),
  name_too_long: entry(
    422,
    'The metric name is too long',
    'Shorten the name and move what varies into labels, or raise the limit of name bytes.',
  ),
  invalid_label_name: entry(
    422,
    'A label name is not valid',
    'Label names are strings that are not empty; __name__ is given by the field `name`.',
  ),
  invalid_label_value: entry(
    422,
    'A label value is not valid',
    'Send `labels` as an object whose values are all strings; write numbers as "200".',
  ),
  duplicate_label: entry(
    422,
    'A label name occurs twice',
    'Send every label name once; check relabelling rules that write into an existing label.',
  ),
  too_many_labels: entry(
    422,
    'The series has too many labels',
    'Remove labels nobody asks for, or raise the limit of labels a series.',
  ),
  label_name_too_long: entry(
    422,
    'A label name is too long',
    'Shorten the label name, or raise the limit of label name bytes.',
  ),
  label_value_too_long: entry(
    422,
    'A label value is too long',
    'Shorten the value (URLs, messages and stack traces are no labels), or raise the limit of ' +
      'label value bytes.',
  ),
  nul_in_label: entry(
    422,
    'A name or label holds a NUL character',
    'Remove U+0000 from names and values: PostgreSQL cannot store it in text.',
  ),
  invalid_utf8: entry(
    400,
    'The text is not valid UTF-8',
    'Encode all text as UTF-8; Latin-1 bytes and halves of surrogate pairs are refused.',
  ),
  missing_value: entry(422, 'The sample has no value', 'Give every sample a value.'),
  invalid_value: entry(
    422,
    'The value is not a number',
    'Send a number that fits a float64, or one of the strings "NaN", "+Inf" and "-Inf".',
  ),
  invalid_time: entry(
    422,
    'The time cannot be understood',
    'Send RFC 3339 with an offset ("2026-01-31T12:00:00.5Z") or Unix milliseconds as a number, ' +
      'or leave the field out.',
  ),
  time_out_of_range: entry(
    422,
    'The time is out of range',
    'Times must lie between 1970 and 2255; check their unit: milliseconds, in a batch ' +
      'microseconds. The first weeks of 1970, which a wrong unit makes of times of today, are ' +
      'sent as RFC 3339, or in a batch with ?time_unit=us.',
  ),
  time_too_far_in_future: entry(
    422,
    'The time is too far in the future',
    "Set the sender's clock right (NTP); check that the unit of time is milliseconds.",
  ),
  unknown_kind: entry(
    422,
    'The kind does not exist',
    'Use gauge, cumulative (or counter), delta or event, or leave the field out for gauge.',
  ),
  invalid_id: entry(
    422,
    'The id is not valid',
    'Send the id as a string of 1 to 256 bytes that names this one event for ever, with ' +
      'kind: "event"; other kinds have none and are told apart by series and time.',
  ),
  histogram_invalid: entry(
    422,
    'The native histogram contradicts itself',
    'Update the client library that built it: spans, buckets and count must agree.',
  ),
  series_limit: entry(
    422,
    'The tenant has too many series',
    'Remove labels with unbounded values (ids, addresses), or raise the limit of series.',
  ),
};

function entry(status: number, title: string, remedy: string): RejectReasonEntry {
  return { status, title, remedy, retryable: false };
}
