import type { TimeUs } from './sample.ts';

/** How long windows of a rule are kept, as far as somebody said it: the width's own word first. */
export interface WindowsKept {
  allMs?: number;
  byWidth: readonly Readonly<{ widthUs: TimeUs; keepMs: number }>[];
}

/** What one rule file says about how long rows are kept. The settings say the rest. */
export interface RetentionWords {
  rules: readonly Readonly<{ rule: string; kept: WindowsKept }>[];
  tenants: readonly TenantWords[];
}

export interface TenantWords {
  tenant: string;
  rawMs?: number;
  narrowMs?: number;
  wideMs?: number;
  rules: readonly Readonly<{ rule: string; kept: WindowsKept }>[];
}

export const NO_RETENTION_WORDS: RetentionWords = { rules: [], tenants: [] };

/** Of some width, as far as it is said. */
export function keptOf(kept: WindowsKept | undefined, widthUs: TimeUs): number | undefined {
  return kept?.byWidth.find((one) => one.widthUs === widthUs)?.keepMs ?? kept?.allMs;
}
