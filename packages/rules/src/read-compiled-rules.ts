import { MillraceError } from '@millrace/runtime';
import { columnsOf, parseAggregate } from './aggregate.ts';
import { RulesErrorCode } from './codes.ts';
import {
  COMPILED_RULES_VERSION,
  STATE_COLUMNS,
  type CompiledRule,
  type CompiledRules,
  type Grouping,
  type StateColumn,
} from './compiled-rule.ts';
import type { Aggregate } from './rule.ts';
import { parseSelector } from './selector.ts';

/**
 * Compiled rules as they come back from a barrier record, checked field by field: folding under
 * rules that were half understood would be wrong without anybody noticing. Permanent MillraceError
 * RULES_VERSION_UNKNOWN when a newer release wrote them, RULES_UNREADABLE when they are damaged.
 */
export function readCompiledRules(value: unknown): CompiledRules {
  const { version, rules } = objectOf(value, 'The rules');
  if (version !== COMPILED_RULES_VERSION) {
    throw new MillraceError({
      code: RulesErrorCode.versionUnknown,
      kind: 'permanent',
      message:
        `The rules of this barrier are of version ${String(version)}, and this release reads ` +
        `version ${COMPILED_RULES_VERSION}. Nothing is lost: the log keeps what comes after it.`,
      remedy: 'Start the release that wrote them, or a newer one.',
    });
  }
  const read = listOf(rules, 'rules').map(readRule);
  for (const [i, rule] of read.entries()) {
    const before = read[i - 1];
    if (before !== undefined && rule.edition <= before.edition) {
      unreadable(`edition ${rule.edition} comes after edition ${before.edition}`);
    }
  }
  return { version, rules: read };
}

function readRule(value: unknown): CompiledRule {
  const fields = objectOf(value, 'A rule');
  const name = textOf(fields['name'], 'name');
  const aggregates = listOf(fields['aggregates'], 'aggregates').map(readAggregate);
  const rule: CompiledRule = {
    name,
    edition: wholeOf(fields['edition'], 'edition'),
    match: textOf(fields['match'], 'match'),
    grouping: readGrouping(fields['grouping']),
    widthsUs: listOf(fields['widthsUs'], 'widthsUs').map((width) => wholeOf(width, 'a width')),
    aggregates: aggregates.map(({ text }) => text),
    columns: listOf(fields['columns'], 'columns').map(readColumn),
    distinctLabel:
      fields['distinctLabel'] === null ? null : textOf(fields['distinctLabel'], 'distinctLabel'),
    keepRaw: flagOf(fields['keepRaw'], 'keepRaw'),
    aggregatesAway: flagOf(fields['aggregatesAway'], 'aggregatesAway'),
    onlyKeptRaw: flagOf(fields['onlyKeptRaw'], 'onlyKeptRaw'),
    ...(readDrop(fields['drop']) ? { drop: true } : {}),
    source: textOf(fields['source'], 'source'),
  };
  const parsed = parseSelector(rule.match);
  if (!parsed.ok) unreadable(`the selector of rule ${name} does not parse`);
  if (rule.drop === true) return checkedDrop(rule);
  if (rule.widthsUs.length === 0) unreadable(`rule ${name} has no width`);
  const needed = columnsOf(aggregates.map(({ aggregate }) => aggregate));
  if (needed.join() !== rule.columns.join()) {
    unreadable(`rule ${name} has columns ${rule.columns.join()} instead of ${needed.join()}`);
  }
  return rule;
}

function readDrop(value: unknown): boolean {
  return value !== undefined && (value === true || unreadable('drop should be true, or absent'));
}

function checkedDrop(rule: CompiledRule): CompiledRule {
  const { name, widthsUs, aggregates, columns, keepRaw } = rule;
  if (keepRaw || widthsUs.length + aggregates.length + columns.length > 0) {
    unreadable(`rule ${name} drops, and says what else to do`);
  }
  return rule;
}

function readAggregate(value: unknown): { text: string; aggregate: Aggregate } {
  const text = textOf(value, 'an aggregate');
  return { text, aggregate: parseAggregate(text) ?? unreadable(`no aggregate ${text} is known`) };
}

function readGrouping(value: unknown): Grouping {
  const { kind, labels } = objectOf(value, 'grouping');
  if (kind === 'same') return { kind };
  if (kind !== 'by' && kind !== 'without') unreadable(`grouping ${String(kind)} is not known`);
  return { kind, labels: listOf(labels, 'labels').map((label) => textOf(label, 'a label')) };
}

function readColumn(value: unknown): StateColumn {
  const column = STATE_COLUMNS.find((known) => known === value);
  return column ?? unreadable(`no state column ${String(value)} is known`);
}

function objectOf(value: unknown, what: string): Partial<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  return unreadable(`${what} should be an object`);
}

function listOf(value: unknown, what: string): unknown[] {
  return Array.isArray(value) ? value : unreadable(`${what} should be a list`);
}

function textOf(value: unknown, what: string): string {
  return typeof value === 'string' ? value : unreadable(`${what} should be a text`);
}

function flagOf(value: unknown, what: string): boolean {
  return typeof value === 'boolean' ? value : unreadable(`${what} should be a flag`);
}

function wholeOf(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  return unreadable(`${what} should be a whole number above 0`);
}

function unreadable(why: string): never {
  throw new MillraceError({
    code: RulesErrorCode.unreadable,
    kind: 'permanent',
    message:
      `The rules of this barrier cannot be read: ${why}. ` +
      'Nothing is lost: the log keeps what comes after it.',
    remedy: 'Start the release that wrote them; report it when that one refuses them too.',
  });
}
