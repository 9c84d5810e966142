/**
 * What an aggregate's name says it aggregates: samples (count … distinct), the last value of each
 * input series (sum_last, avg_last, count_series), or increases (increase, rate).
 */
export const AGGREGATES = [
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'first',
  'last',
  'quantile',
  'distinct',
  'sum_last',
  'avg_last',
  'count_series',
  'increase',
  'rate',
] as const;
export type AggregateName = (typeof AGGREGATES)[number];

/** `label` only with `distinct`: different values of that label instead of different values. */
export interface Aggregate {
  name: AggregateName;
  label?: string;
}

/** One rule as a person writes it. */
export interface Rule {
  name: string;
  /** A Prometheus series selector. */
  match: string;
  /** Labels the output series keeps, beside the metric name. Excludes `without`. */
  by?: readonly string[];
  /** Labels the output series loses. Neither: the output series is the input series. */
  without?: readonly string[];
  /** Window widths, as durations: `10s`, `5m`, `1h30m`. Every rule has some, unless it drops. */
  widths?: readonly string[];
  /** Names out of AGGREGATES, or `distinct(label)`. Every rule has some, unless it drops. */
  aggregates?: readonly string[];
  /** False: samples that match are not kept raw. Default true. */
  keep_raw?: boolean;
  /** Samples that match are counted, and neither kept nor folded. There is nothing beside it. */
  drop?: true;
  /** How long its windows are kept in the store; it changes nothing of what is folded. */
  keep?: Keep;
}

/** How long windows are kept: of all widths alike (`90d`), or of each by its width (`1m: 30d`). */
export type Keep = string | Readonly<Record<string, string>>;

/** What a tenant has of its own. */
export interface Tenant {
  name: string;
  keep: TenantKeep;
}

/** How long what is kept of one tenant, where that is not as for all. */
export interface TenantKeep {
  raw?: string;
  /** Windows narrower than an hour, of rules that do not say it themselves. */
  narrow?: string;
  /** Windows of an hour and more, likewise. */
  wide?: string;
  /** Of rules by their names, whatever those say themselves. */
  rules?: Readonly<Record<string, Keep>>;
}

/** What `millrace.yaml` says about rules. */
export interface RuleFile {
  rules: readonly Rule[];
  tenants?: readonly Tenant[];
}

/** Bounds of a rule file. */
export const RULE_FILE_BYTES_MAX = 1_048_576;
export const RULES_MAX = 1000;
export const TENANTS_MAX = 1000;
export const TENANT_CHARS_MAX = 256;
export const RULE_NAME_CHARS_MAX = 100;
export const RULE_WIDTHS_MAX = 16;
export const RULE_AGGREGATES_MAX = 32;
export const RULE_LABELS_MAX = 64;
export const RULE_LABEL_CHARS_MAX = 256;
export const RULE_ALIASES_MAX = 100;
export const SELECTOR_CHARS_MAX = 4096;
export const SELECTOR_MATCHERS_MAX = 64;
export const WIDTH_US_MIN = 1_000_000;
export const WIDTH_US_MAX: number = 31 * 86_400 * 1_000_000;
export const KEEP_MS_MIN: number = 3_600_000;
export const KEEP_MS_MAX: number = 36_500 * 86_400_000;

/** Rule names that are ours. */
export const ROLLUP_RULE_NAME = 'rollup';
/** Begins with a letter or `_`; the rest as in names of recording rules. */
export const RULE_NAME_PATTERN: RegExp = /^[A-Za-z_][A-Za-z0-9_.:-]*$/;
