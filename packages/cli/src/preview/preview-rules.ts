import { createPlacer, type CompiledRule, type CompiledRules, type Placer } from '@millrace/rules';
import { EventsRecordKind, type BarrierRecord } from '@millrace/wire';
import type { RulesVersion } from '@millrace/control';

/** Two sets of rules side by side: those of a file, and those in force. */
export interface PreviewRules {
  planned: CompiledRules;
  current: CompiledRules;
  placers: Readonly<{ planned: Placer; current: Placer }>;
  /** Every edition that is folded. */
  byEdition: ReadonlyMap<number, PreviewEdition>;
  barrier: BarrierRecord;
}

export interface PreviewEdition {
  side: 'planned' | 'current';
  rule: CompiledRule;
}

/** Far below every number that a log gives, and apart from one another. */
const CURRENT_FROM = 1_000_000;

/**
 * Both sets as candidates beside no rules at all: one fold gives the pieces of both, and each
 * accepted sample as raw, whatever is kept of it under either.
 */
export function previewRules(
  file: CompiledRules,
  inForce: RulesVersion,
  partitions: number,
): PreviewRules {
  const planned = numbered(file, 1);
  const current = numbered(inForce.rules, CURRENT_FROM);
  const editions = [
    ...planned.rules.map((rule) => [rule.edition, { side: 'planned', rule }] as const),
    ...current.rules.map((rule) => [rule.edition, { side: 'current', rule }] as const),
  ];
  return {
    planned,
    current,
    placers: { planned: createPlacer(planned), current: createPlacer(current) },
    byEdition: new Map<number, PreviewEdition>(editions),
    barrier: {
      kind: EventsRecordKind.barrier,
      // Newer than every barrier of the log, which therefore changes nothing.
      ...{ number: Number.MAX_SAFE_INTEGER, after: 0, partitions },
      foldVersion: inForce.foldVersion,
      settings: inForce.settings,
      rules: { version: file.version, rules: [] },
      candidates: [
        { number: 1, rules: planned },
        { number: 2, rules: current },
      ],
    },
  };
}

function numbered({ version, rules }: CompiledRules, from: number): CompiledRules {
  return { version, rules: rules.map((rule, i) => ({ ...rule, edition: from + i })) };
}
