import type { Clock } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import type { HistoryReader } from './read-history.ts';

export interface ControlParts {
  stream: Stream;
  clock: Clock;
}

/** With what reads the versions: who applies rules more than once keeps one. */
export interface ChangingParts extends ControlParts {
  history: HistoryReader;
}
