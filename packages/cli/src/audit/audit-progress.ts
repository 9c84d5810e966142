import type { AuditProgress } from '@millrace/audit';
import type { ConsoleOutput } from '../console-output.ts';
import { createProgressLine, progressBar } from '../progress-line.ts';

const WORDS: Readonly<Record<AuditProgress['phase'], string>> = {
  log: 'reading the log',
  store: 'comparing the store',
  repair: 'repairing rows',
};

/** Shows how far an audit is: as a bar, where a person looks. */
export function showProgress(
  output: ConsoleOutput,
  nowMs: () => number = () => performance.now(),
): { step(progress: AuditProgress): void; end(): void } {
  const line = createProgressLine(output, nowMs);
  return {
    step: (progress) =>
      line.show((isRewritten) => {
        const bar = isRewritten ? `${progressBar(shareOf(progress) / 100)} ` : '';
        return `${bar}${progressText(progress)}`;
      }),
    end: line.end,
  };
}

function progressText(progress: AuditProgress): string {
  const { phase, round, rounds } = progress;
  const of = rounds === 1 ? '' : ` (${round + 1} of ${rounds})`;
  return `${WORDS[phase]}${of}: ${shareOf(progress)} %`;
}

function shareOf({ done, total }: AuditProgress): number {
  return total === 0 ? 100 : Math.min(100, Math.floor((100 * done) / total));
}
