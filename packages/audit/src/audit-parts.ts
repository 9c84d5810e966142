import type { Clock } from '@millrace/runtime';
import type { StoreReader, StoreSnapshot } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import type { AuditSettings } from './audit-settings.ts';
import type { GoneLetters } from './letters/gone-letters.ts';
import type { RefusedLetters } from './letters/refused-letters.ts';
import type { AuditPlan } from './plan.ts';
import type { Differences } from './replay/differences.ts';
import type { AuditReport } from './report.ts';

/** How far it is: `done` of `total`, whatever that counts. */
export interface AuditProgress {
  phase: 'log' | 'store' | 'repair';
  round: number;
  rounds: number;
  done: number;
  total: number;
}

export interface AuditComponents {
  stream: Stream;
  store: StoreReader;
  clock: Clock;
  onProgress?: (progress: AuditProgress) => void;
  signal?: AbortSignal;
}

export interface AuditParts extends AuditComponents {
  snapshot: StoreSnapshot;
  plan: AuditPlan;
  settings: AuditSettings;
  /** What the store could not take, and what of it is not there any more. */
  letters: RefusedLetters;
  gone: GoneLetters;
  /** Collects what is not as the log says, row by row. */
  differences?: Differences | undefined;
}

export type CheckedReport = Omit<AuditReport, 'started' | 'durationMs' | 'samplesPerSecond'>;
