import { withoutEdition, type CompiledRule, type UnnumberedRule } from '@millrace/rules';
import { TOPIC_CONTROL, type Producer } from '@millrace/stream';
import {
  ControlRecordKind,
  encodeControlRecord,
  type ControlCandidate,
  type ControlRecord,
  type FoldSettings,
} from '@millrace/wire';
import type { ChangingParts } from './control-parts.ts';
import { checkFoldVersion } from './check-fold-version.ts';
import { checkRulesSize } from './check-size.ts';
import { outrunByOther } from './control-errors.ts';
import { begunRules, type RulesPlan, type WantedRules } from './plan-rules.ts';
import type { Candidate, RulesVersion } from './rules-history.ts';

/** A version that is to be recorded. */
export interface NextVersion {
  /** The version it follows; 0: none. */
  after: number;
  rules: NextRules;
  settings: FoldSettings;
  foldVersion: number;
  /** Those that are there go on. */
  candidates: readonly Candidate[];
  /** One that begins with this version. */
  begun: (NextRules & BegunCandidate) | undefined;
}

/** What is asked for with a candidate. */
export interface BegunCandidate extends Pick<Candidate, 'sinceUs'> {
  /** Of each partition's job, see `JobsOrder`; left out: as many as it can. */
  samplesPerSecondMax?: number | undefined;
}

/** Rules of which some have their editions. */
export interface NextRules {
  /** Those that have their edition. */
  known: readonly CompiledRule[];
  /** Those that need an edition record of their own. */
  begun: readonly UnnumberedRule[];
  source: string;
}

/** What follows `before` (none: begins a log) when what is wanted is brought into force. */
export function nextVersion(
  before: RulesVersion | undefined,
  plan: RulesPlan,
  { settings, foldVersion, source }: WantedRules,
): NextVersion {
  return {
    ...{ after: before?.number ?? 0, settings, foldVersion, begun: undefined },
    rules: { known: plan.unchanged, begun: begunRules(plan), source },
    candidates: before?.candidates ?? [],
  };
}

/** Rules of which every one gets a new edition, also where it says what another says. */
export function allBegun({ rules, source }: Pick<WantedRules, 'rules' | 'source'>): NextRules {
  return { known: [], begun: rules.rules.map(withoutEdition), source };
}

/** Rules that have their editions. */
export function noneBegun({ rules, source }: Pick<Candidate, 'rules' | 'source'>): NextRules {
  return { known: rules.rules, begun: [], source };
}

/**
 * Appends the version's records; resolves when it is known that they are the ones that count.
 *
 * @throws MillraceError RULES_OUTRUN, RULES_TOO_BIG, RULES_FOLD_VERSION; what the log throws.
 */
export async function recordVersion(
  { stream, clock, history }: ChangingParts,
  producer: Producer,
  next: NextVersion,
): Promise<RulesVersion> {
  check(next, stream.partitions);
  const known = await history.read();
  const append = async (record: ControlRecord): Promise<number> => {
    const { offset } = await producer.append(TOPIC_CONTROL, 0, encodeControlRecord(record));
    return known.numberAt(offset);
  };
  const numbered = async ({ known: unchanged, begun }: NextRules): Promise<number[]> => {
    const all = unchanged.map(({ edition }) => edition);
    for (const rule of begun) all.push(await append({ kind: ControlRecordKind.edition, rule }));
    return all.sort((a, b) => a - b);
  };
  const { after, rules, settings, foldVersion, begun } = next;
  const editions = await numbered(rules);
  const candidates = next.candidates.map(({ rules: { rules: its }, ...rest }): ControlCandidate => {
    return { ...rest, editions: its.map(({ edition }) => edition) };
  });
  if (begun !== undefined) {
    const { source, sinceUs, samplesPerSecondMax } = begun;
    const rate = samplesPerSecondMax === undefined ? {} : { samplesPerSecondMax };
    candidates.push({ number: 0, editions: await numbered(begun), source, sinceUs, ...rate });
  }
  const number = await append({
    kind: ControlRecordKind.rules,
    ...{ after, editions, foldVersion, settings, source: rules.source },
    ...{ appliedAtUs: clock.nowUs(), candidates },
  });
  const version = (await history.read()).versions.find((one) => one.number === number);
  if (version === undefined) throw outrunByOther();
  return version;
}

function check(
  { settings, foldVersion, rules, candidates, begun }: NextVersion,
  partitions: number,
): void {
  const beside = [...candidates, ...(begun === undefined ? [] : [unnumbered(begun)])];
  for (const one of [unnumbered(rules), ...beside]) {
    checkFoldVersion({ settings, foldVersion, ...one });
  }
  checkRulesSize({ settings, foldVersion, ...unnumbered(rules) }, partitions, beside);
}

function unnumbered({ known, begun, source }: NextRules): Pick<Candidate, 'rules' | 'source'> {
  const placeholders = begun.map((rule, i) => ({ ...rule, edition: i }));
  return { rules: { version: 1, rules: [...known, ...placeholders] }, source };
}
