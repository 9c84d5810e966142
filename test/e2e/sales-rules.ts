import { parseRules, type CompiledRules } from '@millrace/rules';

/** What `SalesLoad` sends, by shop. */
export const SALES_RULES = `rules:
  - name: sales
    match: sales
    by: [shop]
    widths: [5s]
    aggregates: [count, sum, min, max, first, last]
    keep_raw: false
`;

/** Of a file without faults. */
export function rulesOf(source: string): CompiledRules {
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.compiled;
}
