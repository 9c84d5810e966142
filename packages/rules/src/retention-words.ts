import {
  NO_RETENTION_WORDS,
  type RetentionWords,
  type TenantWords,
  type WindowsKept,
} from '@millrace/model';
import { parseKeep, parseWidth } from './duration.ts';
import { parseRules } from './parse-rules.ts';
import type { Keep, RuleFile, Tenant } from './rule.ts';

/** What a file that `parseRules` accepts says about how long rows are kept. */
export function retentionWords({ rules, tenants = [] }: RuleFile): RetentionWords {
  return {
    rules: rules.flatMap(({ name, keep }) =>
      keep === undefined ? [] : [{ rule: name, kept: keptOf(keep) }],
    ),
    tenants: tenants.map(tenantWords),
  };
}

/**
 * The same of a rule file as its version in the log has it; undefined: this release does not
 * understand it, so that nobody can say what may be deleted.
 */
export function readRetentionWords(source: string): RetentionWords | undefined {
  if (source === '') return NO_RETENTION_WORDS;
  const parsed = parseRules(source);
  return parsed.ok ? retentionWords(parsed.file) : undefined;
}

function tenantWords({ name, keep }: Tenant): TenantWords {
  const { raw, narrow, wide, rules = {} } = keep;
  return {
    tenant: name,
    ...(raw === undefined ? {} : { rawMs: keepMs(raw) }),
    ...(narrow === undefined ? {} : { narrowMs: keepMs(narrow) }),
    ...(wide === undefined ? {} : { wideMs: keepMs(wide) }),
    rules: Object.entries(rules).map(([rule, kept]) => ({ rule, kept: keptOf(kept) })),
  };
}

function keptOf(keep: Keep): WindowsKept {
  if (typeof keep === 'string') return { allMs: keepMs(keep), byWidth: [] };
  return {
    byWidth: Object.entries(keep).map(([text, kept]) => {
      const width = parseWidth(text);
      return { widthUs: width.ok ? width.us : NaN, keepMs: keepMs(kept) };
    }),
  };
}

/** What cannot be read deletes nothing. */
function keepMs(text: string): number {
  return parseKeep(text) ?? Infinity;
}
