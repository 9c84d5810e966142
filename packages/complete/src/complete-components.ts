import type { Clock } from '@millrace/runtime';
import type { CompletionStore } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import type { CompleteProgress } from './complete-report.ts';

export interface CompleteComponents {
  stream: Stream;
  store: CompletionStore;
  clock: Clock;
  /** It is due, and nobody waits for it. */
  isScheduled?: boolean;
  onProgress?: (progress: CompleteProgress) => void;
  /** Whoever gives way to others waits here, now and then. */
  giveWay?: () => Promise<void>;
  signal?: AbortSignal | undefined;
}
