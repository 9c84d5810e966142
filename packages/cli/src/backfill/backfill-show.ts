import type { BackfillProgress, FileScan } from '@millrace/backfill';
import type { ConsoleOutput } from '../console-output.ts';
import { formatBytes, formatDurationMs } from '../quantities.ts';

/** Shows how it goes: a bar where a person looks, a line now and then elsewhere. */
export interface BackfillShow {
  reading(path: string, bytes: number): void;
  sent(scan: FileScan, progress: BackfillProgress): void;
  waiting(why: string): void;
  /** What is told next begins a line of its own. */
  end(): void;
}

const BAR_CELLS = 24;
const REWRITE_MS = 100;
const LINE_MS = 5000;
/** Rates are of so long. */
const RATE_MS = 10_000;

export function showBackfill(
  output: ConsoleOutput,
  nowMs: () => number = () => performance.now(),
): BackfillShow {
  const { rewrite } = output;
  const everyMs = rewrite === undefined ? LINE_MS : REWRITE_MS;
  let shownMs = nowMs();
  let isOpen = false;
  let seen: { ms: number; samples: number }[] = [];
  const show = (text: () => string): void => {
    const ms = nowMs();
    if (ms - shownMs < everyMs) return;
    shownMs = ms;
    if (rewrite === undefined) output.notice(text());
    else rewrite(text());
    isOpen = rewrite !== undefined;
  };
  const rateOf = (samples: number): number => {
    const ms = nowMs();
    if ((seen.at(-1)?.samples ?? 0) > samples) seen = [];
    seen.push({ ms, samples });
    while (seen.length > 2 && ms - seen[1]!.ms >= RATE_MS) seen.shift();
    const first = seen[0]!;
    return ms === first.ms ? 0 : (1000 * (samples - first.samples)) / (ms - first.ms);
  };
  return {
    reading: (path, bytes) => show(() => `reading ${path}: ${formatBytes(bytes)}`),
    sent: (scan, { samples }) => {
      const rate = rateOf(samples);
      show(() => sentText(scan, samples, rate, rewrite !== undefined));
    },
    waiting: (why) => show(() => `waiting: ${why}`),
    end: () => {
      if (isOpen) rewrite?.('');
      isOpen = false;
    },
  };
}

function sentText(scan: FileScan, samples: number, rate: number, hasBar: boolean): string {
  const share = scan.samples === 0 ? 1 : Math.min(1, samples / scan.samples);
  const full = Math.floor(share * BAR_CELLS);
  const bar = hasBar ? `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}] ` : '';
  const left =
    rate > 0 ? `, ${formatDurationMs((1000 * (scan.samples - samples)) / rate)} left` : '';
  const perSecond = Math.round(rate).toLocaleString('en-US');
  return `${bar}${scan.path}: ${Math.floor(share * 100)} %, ${perSecond} samples/s${left}`;
}
