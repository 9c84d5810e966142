import type { CompletionCounts } from '@millrace/store';
import type { Failure } from './complete-partition.ts';

/** Why marked windows stay as they are. */
export type Reason = Failure | 'bounded' | 'rules' | 'followed';

export interface ReasonReport {
  reason: Reason;
  windows: number;
  message: string;
}

/** What came of it; a public format, like the names in it. */
export interface CompleteReport extends CompletionCounts {
  format: 1;
  run: number;
  /** RFC 3339. */
  started: string;
  durationMs: number;
  /** Records of the log that were read. */
  records: number;
  /** Of those that are not completable. */
  reasons: readonly ReasonReport[];
}

/** How far it is: of the windows so far, and of the records that are being read. */
export interface CompleteProgress {
  marked: number;
  completed: number;
  records: number;
}

/** Counts windows by what became of them. */
export class CompletionTally implements CompletionCounts {
  marked = 0;
  completed = 0;
  notOver = 0;
  notCompletable = 0;
  records = 0;
  readonly #reasons = new Map<Reason, number>();
  /** Of each partition that lacks records: the first one that is held. */
  readonly #starts = new Map<number, number>();

  fail(reason: Reason): void {
    this.notCompletable += 1;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  noteStart(partition: number, start: number): void {
    this.#starts.set(partition, start);
  }

  get counts(): CompletionCounts {
    const { marked, completed, notOver, notCompletable } = this;
    return { marked, completed, notOver, notCompletable };
  }

  reasons(): ReasonReport[] {
    return [...this.#reasons].map(([reason, windows]) => {
      return { reason, windows, message: this.#message(reason) };
    });
  }

  #message(reason: Reason): string {
    switch (reason) {
      case 'cut':
      case 'counter':
      case 'earlier':
      case 'partial':
        return `${MESSAGES[reason]} ${this.#begins()}`;
      default:
        return MESSAGES[reason];
    }
  }

  #begins(): string {
    const starts = [...this.#starts].filter(([, start]) => start > 0).sort(([a], [b]) => a - b);
    if (starts.length === 0) return 'The log is held from its beginning.';
    const [partition, start] = starts[0]!;
    const more = starts.length === 1 ? '' : ` (and ${starts.length - 1} more partitions)`;
    return `The log of partition ${partition} begins at ${start}${more}.`;
  }
}

const MESSAGES: Readonly<Record<Reason, string>> = {
  cut: 'Records that brought their samples, or the last checkpoint before those, are gone.',
  counter: 'What a counter was before them is not known any more.',
  earlier: 'Some of their samples came before what can be read again.',
  followed: 'A counter goes on from them in windows that cannot be computed.',
  partial: 'Their rule began in the middle of them, and what came before is gone.',
  events: 'More requests came than can be told from one another.',
  size: 'A series has more samples in them than are held at once: raise --memory.',
  bounded: 'They have more input series than a window remembers (`pieceInputsMax`).',
  rules: 'The log does not know their rule: it is of a log before this one.',
  other_log: 'Their samples came to a log that is not there any more.',
};
