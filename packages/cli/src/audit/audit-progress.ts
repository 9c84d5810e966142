import type { AuditProgress } from '@millrace/audit';
import type { ConsoleOutput } from '../console-output.ts';

const BAR_CELLS = 24;
/** Often enough to be seen moving; a plain line now and then. */
const REWRITE_MS = 100;
const LINE_MS = 5000;

const WORDS: Readonly<Record<AuditProgress['phase'], string>> = {
  log: 'reading the log',
  store: 'comparing the store',
};

/** Shows how far an audit is: a bar where a person looks, a line now and then elsewhere. */
export function showProgress(
  output: ConsoleOutput,
  nowMs: () => number = () => performance.now(),
): { step(progress: AuditProgress): void; end(): void } {
  const { rewrite } = output;
  let shownMs = nowMs();
  return {
    step: (progress) => {
      const now = nowMs();
      if (now - shownMs < (rewrite === undefined ? LINE_MS : REWRITE_MS)) return;
      shownMs = now;
      if (rewrite === undefined) output.notice(progressText(progress));
      else rewrite(`${progressBar(progress)} ${progressText(progress)}`);
    },
    end: () => rewrite?.(''),
  };
}

function progressText({ phase, round, rounds, done, total }: AuditProgress): string {
  const of = rounds === 1 ? '' : ` (${round + 1} of ${rounds})`;
  return `${WORDS[phase]}${of}: ${shareOf(done, total)} %`;
}

function progressBar({ done, total }: AuditProgress): string {
  const full = Math.round((shareOf(done, total) / 100) * BAR_CELLS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}

function shareOf(done: number, total: number): number {
  return total === 0 ? 100 : Math.min(100, Math.floor((100 * done) / total));
}
