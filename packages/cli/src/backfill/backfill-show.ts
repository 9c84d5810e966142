import type { BackfillProgress, FileScan } from '@millrace/backfill';
import type { ConsoleOutput } from '../console-output.ts';
import { createProgressLine, progressBar } from '../progress-line.ts';
import { formatBytes, formatDurationMs } from '../quantities.ts';

/** Shows how it goes: as a bar, where a person looks. */
export interface BackfillShow {
  reading(path: string, bytes: number): void;
  sent(scan: FileScan, progress: BackfillProgress): void;
  waiting(why: string): void;
  /** What is told next begins a line of its own. */
  end(): void;
}

/** Rates are of so long. */
const RATE_MS = 10_000;

export function showBackfill(
  output: ConsoleOutput,
  nowMs: () => number = () => performance.now(),
): BackfillShow {
  const line = createProgressLine(output, nowMs);
  let seen: { ms: number; samples: number }[] = [];
  const rateOf = (samples: number): number => {
    const ms = nowMs();
    if ((seen.at(-1)?.samples ?? 0) > samples) seen = [];
    seen.push({ ms, samples });
    while (seen.length > 2 && ms - seen[1]!.ms >= RATE_MS) seen.shift();
    const first = seen[0]!;
    return ms === first.ms ? 0 : (1000 * (samples - first.samples)) / (ms - first.ms);
  };
  return {
    reading: (path, bytes) => line.show(() => `reading ${path}: ${formatBytes(bytes)}`),
    sent: (scan, { samples }) => {
      const rate = rateOf(samples);
      line.show((isRewritten) => sentText(scan, samples, rate, isRewritten));
    },
    waiting: (why) => line.show(() => `waiting: ${why}`),
    end: line.end,
  };
}

function sentText(scan: FileScan, samples: number, rate: number, hasBar: boolean): string {
  const share = scan.samples === 0 ? 1 : Math.min(1, samples / scan.samples);
  const bar = hasBar ? `${progressBar(share)} ` : '';
  const left =
    rate > 0 ? `, ${formatDurationMs((1000 * (scan.samples - samples)) / rate)} left` : '';
  const perSecond = Math.round(rate).toLocaleString('en-US');
  return `${bar}${scan.path}: ${Math.floor(share * 100)} %, ${perSecond} samples/s${left}`;
}
