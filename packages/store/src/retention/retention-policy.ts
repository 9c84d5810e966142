import {
  keptOf,
  NO_RETENTION_WORDS,
  type RetentionWords,
  type TenantWords,
  type TimeUs,
} from '@millrace/model';
import { windowsTableOf } from './stored-expiry.ts';

/** How long what is kept, in milliseconds of the pipeline's time. */
export interface Retention {
  /** Samples, histograms, exemplars and unverified samples. */
  rawMs: number;
  /** Windows narrower than an hour. */
  narrowWindowsMs: number;
  /** Windows of an hour and more. */
  wideWindowsMs: number;
  deadLettersMs: number;
}

const DAY_MS = 86_400_000;

export const RETENTION_DEFAULTS: Retention = {
  rawMs: 7 * DAY_MS,
  narrowWindowsMs: 30 * DAY_MS,
  wideWindowsMs: 730 * DAY_MS,
  deadLettersMs: 30 * DAY_MS,
};

/** Everything that was said about how long rows are kept. Plain JSON. */
export interface RetentionPolicy {
  /** Of the settings. */
  defaults: Retention;
  /**
   * Of the rules in force, and of each candidate: what is folded beside them, or kept to be rolled
   * back to. Where several of them speak about the same rows, the longest time holds.
   */
  words: readonly RetentionWords[];
}

/** Whose rows: of a tenant, or of all who have no words of their own. */
export type Whose = string | undefined;

/** Tenants about whom somebody says something. */
export function namedTenants({ words }: RetentionPolicy): string[] {
  return [...new Set(words.flatMap(({ tenants }) => tenants.map(({ tenant }) => tenant)))].sort();
}

export function rawKeptMs({ defaults, words }: RetentionPolicy, whose: Whose): number {
  return longest(words, (one) => tenantOf(one, whose)?.rawMs ?? defaults.rawMs);
}

/**
 * What a tenant says about a rule comes before what the rule says itself, and that before what the
 * tenant says about windows of all rules.
 */
export function windowsKeptMs(
  { defaults, words }: RetentionPolicy,
  of: Readonly<{ rule: string; widthUs: TimeUs; whose: Whose }>,
): number {
  const { rule, widthUs, whose } = of;
  const isNarrow = windowsTableOf(widthUs) === 'windows_narrow';
  return longest(words, (one) => {
    const tenant = tenantOf(one, whose);
    return (
      keptOf(tenant?.rules.find((its) => its.rule === rule)?.kept, widthUs) ??
      keptOf(one.rules.find((its) => its.rule === rule)?.kept, widthUs) ??
      (isNarrow ? tenant?.narrowMs : tenant?.wideMs) ??
      (isNarrow ? defaults.narrowWindowsMs : defaults.wideWindowsMs)
    );
  });
}

function tenantOf({ tenants }: RetentionWords, whose: Whose): TenantWords | undefined {
  return whose === undefined ? undefined : tenants.find(({ tenant }) => tenant === whose);
}

function longest(
  words: readonly RetentionWords[],
  kept: (words: RetentionWords) => number,
): number {
  return Math.max(...(words.length === 0 ? [NO_RETENTION_WORDS] : words).map(kept));
}
