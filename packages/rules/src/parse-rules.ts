import type { Node } from 'yaml';
import { compileRules } from './compile-rules.ts';
import { RuleFault, type RuleProblem } from './codes.ts';
import type { CompiledRules } from './compiled-rule.ts';
import { parseRule } from './parse-rule.ts';
import { parseTenant } from './parse-tenant.ts';
import { RULE_FILE_BYTES_MAX, RULES_MAX, TENANTS_MAX, type RuleFile } from './rule.ts';
import { YamlReader, type YamlField } from './yaml-reader.ts';

export type ParsedRules =
  | Readonly<{ ok: true; file: RuleFile; compiled: CompiledRules }>
  | Readonly<{ ok: false; problems: readonly RuleProblem[] }>;

/**
 * Reads the rules of a `millrace.yaml`: YAML 1.2 (so JSON too) with the key `rules` and whatever
 * `otherKeys` belong to somebody else. No file, no rules: an empty text is one without any.
 */
export function parseRules(
  text: string,
  options?: Readonly<{ otherKeys?: readonly string[] }>,
): ParsedRules {
  const bytes = Buffer.byteLength(text);
  if (bytes > RULE_FILE_BYTES_MAX) {
    const message = `The file has ${bytes} bytes, more than ${RULE_FILE_BYTES_MAX}.`;
    const remedy = 'Remove rules, or join values of a label into one regular expression.';
    const problem = { line: 1, column: 1, code: RuleFault.fileTooBig, message, remedy };
    return { ok: false, problems: [problem] };
  }
  const reader = new YamlReader(text);
  const file = readFile(reader, ['rules', 'tenants', ...(options?.otherKeys ?? [])]);
  if (reader.problems.length > 0) {
    const problems = reader.problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
    return { ok: false, problems };
  }
  return { ok: true, file, compiled: compileRules(file) };
}

function readFile(reader: YamlReader, keys: readonly string[]): RuleFile {
  const { root } = reader;
  // An empty document is a null without a place in the text.
  if (root === undefined || reader.isNothing(root)) return { rules: [] };
  const fields = reader.fields(root, 'The file', keys);
  const linesOfNames = new Map<string, number>();
  const rules = itemsOf(reader, fields?.get('rules'), RULES_MAX).flatMap(
    (node) => parseRule(reader, node, linesOfNames) ?? [],
  );
  const names = new Set<string>();
  const tenants = itemsOf(reader, fields?.get('tenants'), TENANTS_MAX).flatMap(
    (node) => parseTenant(reader, node, names) ?? [],
  );
  return tenants.length === 0 ? { rules } : { rules, tenants };
}

/** `rules:` with all of them commented out is nothing. */
function itemsOf(reader: YamlReader, field: YamlField | undefined, itemsMax: number): Node[] {
  return field?.value === undefined ? [] : (reader.list(field, itemsMax) ?? []);
}
