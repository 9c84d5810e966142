import { ROLLUP_RULE_NAME } from '@millrace/rules';
import type { ShownRule } from '@millrace/receiver';

/** Rules as a file that could be applied again; the built-in one as a comment. */
export function rulesYaml(rules: readonly ShownRule[]): string {
  const isBuiltIn = ({ name }: ShownRule): boolean => name === ROLLUP_RULE_NAME;
  const comments = rules.filter(isBuiltIn).flatMap((rule) => {
    return ruleLines(rule).map((line) => `# ${line}`);
  });
  const own = rules.filter((rule) => !isBuiltIn(rule));
  if (own.length === 0) return ['# built in:', ...comments, 'rules: []'].join('\n');
  const lines = own.flatMap((rule) => ruleLines(rule).map((line) => `  ${line}`));
  return ['# built in:', ...comments, 'rules:', ...lines].join('\n');
}

function ruleLines({ name, edition, ...fields }: ShownRule): string[] {
  const comment = edition === undefined ? '' : ` # edition ${edition}`;
  const rest = Object.entries(fields).map(([field, value]) => `  ${field}: ${quoteYaml(value)}`);
  return [`- name: ${quoteYaml(name)}${comment}`, ...rest];
}

/** A value of a rule's field on one line of YAML; `not set` when there is none. */
export function quoteYaml(value: boolean | string | readonly string[] | undefined): string {
  if (value === undefined) return 'not set';
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return `[${value.map(quoteYaml).join(', ')}]`;
  if (PLAIN.test(value) && !RESERVED.test(value)) return value;
  // Within single quotes a line break would become a space.
  return /[^\x20-\x7e]/.test(value) ? JSON.stringify(value) : `'${value.replaceAll("'", "''")}'`;
}

/** Names, durations and aggregates that are the same text without quotes. */
const PLAIN = /^(?:[A-Za-z_][A-Za-z0-9_]*(?:\([A-Za-z_][A-Za-z0-9_]*\))?|(?:\d+(?:ms|[wdhms]))+)$/;
const RESERVED = /^(?:true|false|null)$/i;
