import type { Node } from 'yaml';
import { RuleFault } from './codes.ts';
import { readKeep } from './keep-fields.ts';
import { readAggregates, readLabels, readMatch, readName, readWidths } from './rule-fields.ts';
import type { Rule } from './rule.ts';
import type { YamlField, YamlReader } from './yaml-reader.ts';

const RULE_KEYS = [
  ...(['name', 'match', 'by', 'without', 'widths', 'aggregates'] as const),
  ...(['keep_raw', 'drop', 'keep'] as const),
];
type RuleKey = (typeof RULE_KEYS)[number];
const REQUIRED_KEYS: readonly RuleKey[] = ['name', 'match', 'widths', 'aggregates'];
/** All that a rule has which drops what it matches. */
const DROP_KEYS: readonly RuleKey[] = ['name', 'match', 'drop'];

/**
 * Reads one rule; undefined when anything is wrong with it, which is then reported.
 * `linesOfNames` tells where each rule name so far was used.
 */
export function parseRule(
  reader: YamlReader,
  node: Node,
  linesOfNames: Map<string, number>,
): Rule | undefined {
  const fields = reader.fields(node, 'A rule', RULE_KEYS);
  if (fields === undefined) return undefined;
  const dropField = fields.get('drop');
  const drops = dropField !== undefined && reader.flag(dropField) === true;
  for (const key of REQUIRED_KEYS) {
    if (fields.has(key) || (drops && !DROP_KEYS.includes(key))) continue;
    const message = `The rule has no ${key}.`;
    reader.report(node, { code: RuleFault.missingKey, message, remedy: `Add ${key}: to it.` });
  }
  const read = <Value>(
    key: RuleKey,
    readField: (reader: YamlReader, field: YamlField) => Value | undefined,
  ): Value | undefined => {
    const field = fields.get(key);
    return field === undefined ? undefined : readField(reader, field);
  };
  if (drops) reportBesideDrop(reader, fields);
  const name = read('name', (_reader, field) => readName(reader, field, linesOfNames));
  const match = read('match', readMatch);
  const by = read('by', readLabels);
  const without = read('without', readLabels);
  const widths = read('widths', readWidths);
  const aggregates = read('aggregates', readAggregates);
  const keepRaw = read('keep_raw', (_reader, field) => reader.flag(field));
  const keep = read('keep', (_reader, field) => readKeep(reader, field, widths));
  const withoutField = fields.get('without');
  if (fields.has('by') && withoutField !== undefined) {
    const message = 'A rule has by or without, not both.';
    const remedy = 'Keep by (the labels that stay) or without (the labels that go).';
    reader.report(withoutField.keyNode, { code: RuleFault.byAndWithout, message, remedy });
  }
  if (name === undefined || match === undefined) return undefined;
  if (drops) return { name, match, drop: true };
  if (widths === undefined || aggregates === undefined) return undefined;
  return {
    name,
    match,
    ...(by === undefined ? {} : { by }),
    ...(without === undefined ? {} : { without }),
    widths,
    aggregates,
    ...(keepRaw === undefined ? {} : { keep_raw: keepRaw }),
    ...(keep === undefined ? {} : { keep }),
  };
}

function reportBesideDrop(reader: YamlReader, fields: ReadonlyMap<string, YamlField>): void {
  for (const [key, { keyNode }] of fields) {
    if (DROP_KEYS.some((known) => known === key)) continue;
    const message = `The rule drops what it matches, so ${key} means nothing.`;
    const remedy = `Remove ${key}, or drop: true. To fold without keeping raw: keep_raw: false.`;
    reader.report(keyNode, { code: RuleFault.dropAlone, message, remedy });
  }
}
