import type { LedgerEntry } from '@millrace/wire';
import type { AuditParts } from '../audit-parts.ts';
import type { ExpectedDefinitions } from './expected-definitions.ts';
import type { ExpectedEditions } from './expected-editions.ts';
import type { ExpectedExemplars } from './expected-exemplars.ts';
import type { ExpectedLetters } from './expected-letters.ts';
import type { ExpectedMetadata } from './expected-metadata.ts';
import type { ExpectedPieces } from './expected-pieces.ts';
import type { ExpectedMoves } from './expected-samples.ts';
import type { ExpectedUnverified } from './expected-unverified.ts';
import type { StoredJob } from './fold-job.ts';
import type { FoldedPartition } from './fold-partition.ts';
import type { FoldStart } from './fold-start.ts';
import type { PastWindows } from './past-windows.ts';

/** With where the fold of each partition begins, in the order of the plan. */
export interface DeepParts extends AuditParts {
  starts: readonly FoldStart[];
  past: PastWindows;
  /** Of which the store has something. */
  jobs: readonly StoredJob[];
}

/** What one partition's entries say, beside rows. */
export interface DeepPartition extends FoldedPartition {
  /** The newest ledger entry, and the newest totals of each tenant. */
  newest: LedgerEntry | undefined;
  totals: Map<string, LedgerEntry['totals'][number]>;
  moves: ExpectedMoves;
}

export interface DeepResult {
  partitions: DeepPartition[];
  rows: Record<string, number>;
  notProven: string[];
}

export interface Expectations {
  pieces: ExpectedPieces;
  definitions: ExpectedDefinitions;
  unverified: ExpectedUnverified;
  letters: ExpectedLetters;
  exemplars: ExpectedExemplars;
  metadata: ExpectedMetadata;
  editions: ExpectedEditions;
}
