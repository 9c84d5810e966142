import type { ConsoleOutput } from './console-output.ts';

/** Shows how far something is: a line that changes where a person looks, else one now and then. */
export interface ProgressLine {
  /** `isRewritten`: a person looks, and it need not make sense by itself. */
  show(text: (isRewritten: boolean) => string): void;
  /** What is told next begins a line of its own. */
  end(): void;
}

/** Often enough to be seen moving. */
const REWRITE_MS = 100;
const LINE_MS = 5000;
const BAR_CELLS = 24;

export function createProgressLine(
  { rewrite, notice }: Pick<ConsoleOutput, 'rewrite' | 'notice'>,
  nowMs: () => number,
): ProgressLine {
  const everyMs = rewrite === undefined ? LINE_MS : REWRITE_MS;
  let shownMs = nowMs();
  let isOpen = false;
  return {
    show: (text) => {
      const ms = nowMs();
      if (ms - shownMs < everyMs) return;
      shownMs = ms;
      if (rewrite === undefined) notice(text(false));
      else rewrite(text(true));
      isOpen = rewrite !== undefined;
    },
    end: () => {
      if (isOpen) rewrite?.('');
      isOpen = false;
    },
  };
}

/** `[######......]`, of a share from 0 to 1. */
export function progressBar(share: number): string {
  const full = Math.floor(share * BAR_CELLS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}
