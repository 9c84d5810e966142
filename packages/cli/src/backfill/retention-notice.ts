import type { FileScan } from '@millrace/backfill';
import { MillraceError } from '@millrace/runtime';
import { RETENTION_DEFAULTS } from '@millrace/store';
import { effectiveSettings } from '../effective-settings.ts';
import { isDistributed } from '../distributed/is-distributed.ts';
import { settingText } from '../setting-text.ts';

/** How long the store keeps something, in the order of what expires first. */
interface Kept {
  what: string;
  ms: number;
  variable: string;
}

/** How long what comes of a file is kept. */
export interface KeptTimes {
  kept: readonly Kept[];
  /** Samples before these times are of no use for each of them. */
  countBeforeUs: readonly number[];
}

const WHATS = [
  ['rawMs', 'RAW_MS', 'raw samples'],
  ['narrowWindowsMs', 'NARROW_WINDOWS_MS', 'windows narrower than an hour'],
  ['wideWindowsMs', 'WIDE_WINDOWS_MS', 'windows of an hour and more'],
] as const;

/** As the process that fills the store keeps them, where this environment says so. */
export async function keptTimes(
  environment: Readonly<Record<string, string | undefined>>,
  nowUs: number,
): Promise<KeptTimes> {
  const process = isDistributed(environment) ? 'writer' : 'up';
  // What is asked of that process may be missing here; then it is as usual.
  const { settings } = await effectiveSettings([process], environment);
  const kept = WHATS.map(([name, variable, what]): Kept => {
    const setting = settings.find((one) => one.path === `store.retention.${name}`);
    const ms = Number(setting?.value ?? RETENTION_DEFAULTS[name]);
    return { what, ms, variable: `MILLRACE_STORE__RETENTION__${variable}` };
  });
  return { kept, countBeforeUs: kept.map(({ ms }) => nowUs - ms * 1000) };
}

/** What would be deleted as soon as it is stored; nothing where all of it is young enough. */
export function retentionLines({ path, samples, olderThan }: FileScan, times: KeptTimes): string[] {
  const lines = times.kept.flatMap(({ what, ms, variable }, i) => {
    const old = olderThan[i] ?? 0;
    if (old === 0) return [];
    const share = old === samples ? 'all' : old.toLocaleString('en-US');
    const kept = settingText(variable, ms);
    return [`  ${share} are older than ${what} are kept (${kept}, ${variable})`];
  });
  if (lines.length === 0) return [];
  return [
    `${path}: what is past its retention is deleted soon after it is stored, unless a rule or ` +
      'its tenant says otherwise ("millrace retention"):',
    ...lines,
  ];
}

/** @throws MillraceError BACKFILL_EXPIRED when nothing would be left of any file. */
export function checkKept(scans: readonly FileScan[], { kept }: KeptTimes): void {
  const isGone = scans.every(({ samples, olderThan }) => {
    return kept.length > 0 && kept.every((_, i) => olderThan[i] === samples);
  });
  if (!isGone) return;
  throw new MillraceError({
    code: 'BACKFILL_EXPIRED',
    kind: 'permanent',
    message:
      'Everything in the files is past its retention: nothing would be left. Nothing was sent.',
    remedy:
      `Raise ${kept.map(({ variable }) => variable).join(', ')} where the store is filled; ` +
      'or say --yes, where a rule or its tenant keeps them longer.',
  });
}
