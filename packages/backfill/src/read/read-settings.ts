import type { Label, SampleKind } from '@millrace/model';
import type { TimeUnit } from './sample-time.ts';

export const FILE_FORMATS = ['csv', 'jsonl', 'promtool', 'parquet'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** What NaN stands for in a file. */
export const NAN_MEANINGS = ['value', 'stale', 'skip'] as const;
export type NanMeaning = (typeof NAN_MEANINGS)[number];

/** Everything that what is read depends on, beside the bytes of the file. */
export interface ReadSettings {
  format: FileFormat;
  /** Of samples whose record does not say it. */
  kind: SampleKind;
  /** Of records that have none; undefined: each has one. */
  metric: string | undefined;
  /** For series that have none of that name. */
  labels: readonly Label[];
  timeUnit: TimeUnit | undefined;
  assumesUtc: boolean;
  nan: NanMeaning;
  /** Of CSV. */
  delimiter: string;
  /** Of CSV and Parquet; undefined: by their usual names. */
  timeColumn: string | undefined;
  valueColumn: string | undefined;
  metricColumn: string | undefined;
  /** Undefined: all others. */
  labelColumns: readonly string[] | undefined;
}
