import { RuleFault } from './codes.ts';
import { formatWidth, parseKeep, parseWidth } from './duration.ts';
import { RULE_WIDTHS_MAX, type Keep } from './rule.ts';
import { shortened, type YamlField, type YamlReader } from './yaml-reader.ts';

/** `widths`: those of the rule; undefined: nobody knows which it has. */
export function readKeep(
  reader: YamlReader,
  field: YamlField,
  widths: readonly string[] | undefined,
): Keep | undefined {
  if (!reader.isMapping(field)) return readKept(reader, field);
  const kept: Record<string, string> = {};
  for (const one of reader.names(field, RULE_WIDTHS_MAX) ?? []) {
    const width = parseWidth(one.key);
    const name = width.ok ? formatWidth(width.us) : one.key;
    if (!width.ok) {
      const message = `The width ${shortened(one.key)} ${width.why}.`;
      const remedy = `Write ${field.key}: 90d for all widths, or { 1m: 30d, 1h: 2y } for each.`;
      reader.report(one.keyNode, { code: RuleFault.badDuration, message, remedy });
    } else if (widths !== undefined && !widths.includes(name)) {
      const message = `The rule has no windows of ${name}, so there is nothing to keep.`;
      const remedy = `Its widths are ${widths.join(', ')}.`;
      reader.report(one.keyNode, { code: RuleFault.keepsNothing, message, remedy });
    } else if (Object.hasOwn(kept, name)) {
      const message = `The width ${name} stands here twice.`;
      reader.report(one.keyNode, {
        code: RuleFault.duplicateKey,
        message,
        remedy: 'Keep one of the two.',
      });
    }
    const text = readKept(reader, one);
    if (text !== undefined) kept[name] = text;
  }
  return kept;
}

/** A text such as `90d`. */
export function readKept(reader: YamlReader, field: YamlField): string | undefined {
  const found = reader.textField(field, `${field.key}: 90d`);
  if (found === undefined) return undefined;
  const { text, node } = found;
  if (parseKeep(text) === undefined) {
    const message = `${shortened(text)} does not say how long something is kept.`;
    const remedy = 'Write 1h to 100y, as 36h, 90d or 2y.';
    reader.report(node, { code: RuleFault.badKeep, message, remedy });
  }
  return text;
}
