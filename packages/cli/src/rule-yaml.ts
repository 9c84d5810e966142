import { ROLLUP_RULE_NAME } from '@millrace/rules';
import type { RulesAnswer, ShownRule } from '@millrace/receiver';

/** Rules as a file that could be applied again; the built-in one as a comment. */
export function rulesYaml({ rules, tenants }: Pick<RulesAnswer, 'rules' | 'tenants'>): string {
  const isBuiltIn = ({ name }: ShownRule): boolean => name === ROLLUP_RULE_NAME;
  const comments = rules.filter(isBuiltIn).flatMap((rule) => {
    return ruleLines(rule).map((line) => `# ${line}`);
  });
  const own = rules.filter((rule) => !isBuiltIn(rule));
  const lines = own.flatMap((rule) => ruleLines(rule).map((line) => `  ${line}`));
  return [
    ...['# built in:', ...comments],
    ...(own.length === 0 ? ['rules: []'] : ['rules:', ...lines]),
    ...(tenants.length === 0 ? [] : ['tenants:', ...tenants.map((one) => `  - ${quoteYaml(one)}`)]),
  ].join('\n');
}

function ruleLines({ name, edition, ...fields }: ShownRule): string[] {
  const comment = edition === undefined ? '' : ` # edition ${edition}`;
  const rest = Object.entries(fields).map(([field, value]) => `  ${field}: ${quoteYaml(value)}`);
  return [`- name: ${quoteYaml(name)}${comment}`, ...rest];
}

/** A value of a rule's field on one line of YAML; `not set` when there is none. */
export function quoteYaml(value: unknown): string {
  if (value === undefined || value === null) return 'not set';
  if (Array.isArray(value)) return `[${value.map(quoteYaml).join(', ')}]`;
  if (typeof value === 'object') {
    const fields = Object.entries(value).map(
      ([key, one]) => `${quoteYaml(key)}: ${quoteYaml(one)}`,
    );
    return `{ ${fields.join(', ')} }`;
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  if (PLAIN.test(value) && !RESERVED.test(value)) return value;
  // Within single quotes a line break would become a space.
  return /[^\x20-\x7e]/.test(value) ? JSON.stringify(value) : `'${value.replaceAll("'", "''")}'`;
}

/** Names, durations and aggregates that are the same text without quotes. */
const PLAIN = /^(?:[A-Za-z_][A-Za-z0-9_]*(?:\([A-Za-z_][A-Za-z0-9_]*\))?|(?:\d+(?:ms|[ywdhms]))+)$/;
const RESERVED = /^(?:true|false|null)$/i;
