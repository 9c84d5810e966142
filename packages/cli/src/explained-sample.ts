import {
  fingerprintHex,
  fingerprintOf,
  METRIC_NAME_LABEL,
  partitionOf,
  seriesIdOf,
  type LabelSet,
  type SampleKindName,
  type TimeUs,
} from '@millrace/model';
import {
  explainSample,
  formatMatcher,
  formatWidth,
  type CompiledRule,
  type CompiledRules,
  type RuleExplanation,
} from '@millrace/rules';
import type { RefusedSample } from './sample-argument.ts';

/** What the rules are taken from; without a running process nothing of it is known. */
export interface ExplainedUnder {
  compiled: CompiledRules;
  /** Number of the version in force. */
  version?: number;
  /** P. */
  partitions?: number;
}

/** What `millrace explain --json` prints. */
export type ExplainedSample =
  | (Omit<RefusedSample, 'isRefused'> & { accepted: false })
  | {
      accepted: true;
      labels: Record<string, string>;
      kind: SampleKindName;
      /** RFC 3339; without a time of its own, the moment it was explained. */
      time: string;
      hasOwnTime: boolean;
      tenant: string;
      fingerprint: string;
      /** A 64-bit integer, which not every reader of JSON keeps as a number. */
      seriesId: string;
      partition: number | null;
      partitions: number | null;
      version: number | null;
      keepRaw: boolean;
      /** A rule drops it: it is counted, and neither kept nor folded. */
      isDropped: boolean;
      /** Names of the rules that drop it, else of those that stop it from being kept raw. */
      droppedBy: string[];
      rules: ExplainedRule[];
    };

export interface ExplainedRule {
  rule: string;
  /** Null under a rule file that was not applied. */
  edition: number | null;
  verdict: RuleExplanation['verdict'];
  /** Why not, as a sentence; absent when it folds the sample. */
  reason?: string;
  /** What it folds the sample into; absent when it does not. */
  output?: {
    labels: Record<string, string>;
    seriesId: string;
    /** The output series is the sample's own. */
    isSameSeries: boolean;
  };
  windows?: { width: string; start: string; end: string }[];
  aggregates?: string[];
  /** What of the aggregates the sample adds nothing to, or in which way, as sentences. */
  notes?: string[];
}

// Authentication, which will tell tenants apart, comes later.
const TENANT = 'default';

export function explainedSample(
  sample: Readonly<{
    labels: LabelSet;
    kind: SampleKindName;
    timeUs: TimeUs;
    hasOwnTime: boolean;
  }>,
  { compiled, version, partitions }: ExplainedUnder,
): ExplainedSample & { accepted: true } {
  const { labels, kind, timeUs, hasOwnTime } = sample;
  const fingerprint = fingerprintOf(TENANT, labels);
  const { keepRaw, isDropped, droppedBy, rules } = explainSample(compiled, labels, timeUs);
  const droppers = droppedBy.map(({ name }) => name);
  return {
    accepted: true,
    labels: Object.fromEntries(labels),
    kind,
    time: timeText(timeUs),
    hasOwnTime,
    tenant: TENANT,
    fingerprint: fingerprintHex(fingerprint),
    seriesId: String(seriesIdOf(fingerprint)),
    partition: partitions === undefined ? null : partitionOf(fingerprint, 0, partitions),
    partitions: partitions ?? null,
    version: version ?? null,
    keepRaw,
    isDropped,
    droppedBy: droppers,
    rules: rules.map((one) => ({
      rule: one.rule.name,
      edition: version === undefined ? null : one.rule.edition,
      verdict: one.verdict,
      ...(one.verdict === 'folds' ? folded(one, kind) : { reason: whyNot(one, droppers) }),
    })),
  };
}

function folded(
  { rule, target, windows }: RuleExplanation & { verdict: 'folds' },
  kind: SampleKindName,
): Partial<ExplainedRule> {
  const seriesId = seriesIdOf(fingerprintOf(TENANT, target.labels));
  return {
    output: {
      labels: Object.fromEntries(target.labels),
      seriesId: String(seriesId),
      isSameSeries: target.sameSeries,
    },
    windows: windows.map(({ widthUs, startUs, endUs }) => {
      return { width: formatWidth(widthUs), start: timeText(startUs), end: timeText(endUs) };
    }),
    aggregates: rule.aggregates,
    notes: [...increaseNotes(rule, kind), ...distinctNotes(rule, target.distinctText)],
  };
}

function whyNot(
  one: Exclude<RuleExplanation, { verdict: 'folds' }>,
  droppers: readonly string[],
): string {
  if (one.verdict === 'drops') return 'it drops the sample: it is counted, and nothing else';
  if (one.verdict === 'dropped') return `${droppers.join(', ')} drops what it matches`;
  if (one.verdict === 'not_kept_raw') {
    return `it rolls up what is kept raw, and ${droppers.join(', ')} says keep_raw: false`;
  }
  const { matcher, value } = one;
  const { name, operator } = matcher;
  if (name === METRIC_NAME_LABEL && operator === '=') {
    return `it is for ${JSON.stringify(matcher.value)}, and this is ${JSON.stringify(value ?? '')}`;
  }
  const found = value === undefined ? `there is no ${name}` : `${name} is ${JSON.stringify(value)}`;
  return `${formatMatcher(matcher)} does not hold: ${found}`;
}

function increaseNotes({ columns }: CompiledRule, kind: SampleKindName): string[] {
  if (!columns.includes('increase')) return [];
  switch (kind) {
    case 'gauge':
    case 'event':
      return [`of kind ${kind} it adds nothing to the increase: it does not count up`];
    case 'delta':
      return ['its value is added to the increase'];
    case 'cumulative':
    case 'unknown':
      return ['to the increase it adds what it is above the sample of its series before it'];
  }
}

function distinctNotes({ distinctLabel }: CompiledRule, text: string | undefined): string[] {
  if (distinctLabel === null) return [];
  return text === undefined
    ? [`it has no label ${distinctLabel}, so there is nothing distinct to count`]
    : [`it counts as ${distinctLabel}=${JSON.stringify(text)} among the distinct`];
}

function timeText(timeUs: TimeUs): string {
  return new Date(timeUs / 1000).toISOString().replace('.000Z', 'Z');
}
