import { ControlRecordKind, encodeControlRecord, encodeEventsRecord } from '@millrace/wire';
import { barrierOf } from './barrier.ts';
import { rulesTooBig } from './control-errors.ts';
import type { WantedRules } from './plan-rules.ts';

/** What any log takes in one record. */
const RECORD_BYTES_MAX = 900_000;
/** As many bytes as any number of an edition or version takes. */
const NUMBER = Number.MAX_SAFE_INTEGER;

/**
 * Refuses rules whose version could be recorded, but not be told to the partitions: they would
 * wait for their barriers for ever.
 *
 * @throws MillraceError (permanent) RULES_TOO_BIG.
 */
export function checkRulesSize(wanted: WantedRules, partitions: number): void {
  const { rules } = wanted.rules;
  const numbered = rules.map((rule, i) => ({ ...rule, edition: NUMBER - rules.length + i }));
  const version = {
    ...wanted,
    rules: { ...wanted.rules, rules: numbered },
    number: NUMBER,
    after: NUMBER,
    appliedAtUs: NUMBER,
  };
  const barrier = encodeEventsRecord(barrierOf(version, partitions)).length;
  const record = encodeControlRecord({
    kind: ControlRecordKind.rules,
    after: NUMBER,
    editions: numbered.map(({ edition }) => edition),
    foldVersion: wanted.foldVersion,
    settings: wanted.settings,
    source: wanted.source,
    appliedAtUs: NUMBER,
  }).length;
  const bytes = Math.max(barrier, record);
  if (bytes > RECORD_BYTES_MAX) throw rulesTooBig(bytes, RECORD_BYTES_MAX);
}
