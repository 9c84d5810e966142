import type { CompiledRules } from '@millrace/rules';
import { ControlRecordKind, encodeControlRecord, encodeEventsRecord } from '@millrace/wire';
import { barrierOf } from './barrier.ts';
import { rulesTooBig } from './control-errors.ts';
import type { WantedRules } from './plan-rules.ts';
import type { Candidate } from './rules-history.ts';

/** What any log takes in one record. */
const RECORD_BYTES_MAX = 900_000;
/** As many bytes as any number of an edition or version takes. */
const NUMBER = Number.MAX_SAFE_INTEGER;

/**
 * Refuses rules whose version could be recorded, but not be told to the partitions: they would
 * wait for their barriers for ever. `beside`: the candidates that go with them.
 *
 * @throws MillraceError (permanent) RULES_TOO_BIG.
 */
export function checkRulesSize(
  wanted: WantedRules,
  partitions: number,
  beside: readonly Pick<Candidate, 'rules' | 'source'>[] = [],
): void {
  const { settings, foldVersion, source } = wanted;
  const candidates = beside.map((one) => {
    return { number: NUMBER, sinceUs: NUMBER, source: one.source, rules: numbered(one.rules) };
  });
  const rules = numbered(wanted.rules);
  const numbers = { number: NUMBER, after: NUMBER, appliedAtUs: NUMBER };
  const version = { ...{ settings, foldVersion, source, rules, candidates }, ...numbers };
  const barrier = encodeEventsRecord(barrierOf(version, partitions)).length;
  const record = encodeControlRecord({
    kind: ControlRecordKind.rules,
    ...{ settings, foldVersion, source, after: NUMBER, appliedAtUs: NUMBER },
    editions: editionsOf(rules),
    candidates: candidates.map(({ rules: its, ...one }) => ({ ...one, editions: editionsOf(its) })),
  }).length;
  const bytes = Math.max(barrier, record);
  if (bytes > RECORD_BYTES_MAX) throw rulesTooBig(bytes, RECORD_BYTES_MAX);
}

function numbered({ version, rules }: CompiledRules): CompiledRules {
  return {
    version,
    rules: rules.map((rule, i) => ({ ...rule, edition: NUMBER - rules.length + i })),
  };
}

function editionsOf({ rules }: CompiledRules): number[] {
  return rules.map(({ edition }) => edition);
}
