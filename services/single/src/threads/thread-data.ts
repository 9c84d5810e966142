import type { MessagePort } from 'node:worker_threads';
import type { CheckpointOutcome } from '@millrace/checkpoint';
import type { Dependency, Measurement, StageStatus } from '@millrace/runtime';
import type { LedgerReport, PostgresConnection } from '@millrace/store';
import type { DataDirectory } from '../running/data-directory.ts';
import type { RuleFileContent } from '../running/rule-file.ts';
import type { SingleSettings } from '../settings.ts';
import type { SentError } from './thread-link.ts';

export type StageName = StageStatus['stage'];

/** What a stage's thread is born with. */
export interface ThreadData {
  stage: StageName;
  settings: SingleSettings;
  directories: Readonly<Pick<DataDirectory, 'log' | 'state' | 'jobs' | 'postgres'>>;
  colours: boolean;
  /** Of the log: flushed ends of every partition. */
  sharedLog: SharedArrayBuffer;
  /** How far the store is, for those who wait for their samples. */
  sharedPositions: SharedArrayBuffer;
  /** Appends by threads that do not own the topic: ticks, and what may be forgotten. */
  ports: Readonly<{ events?: MessagePort; series?: MessagePort }>;
}

/** What the supervisor asks of every stage. */
export interface StageThread {
  status(): StageStatus;
  measure(): Promise<Measurement[]>;
  exposition(): Promise<string>;
  /** Finishes what is under way; the log stays open for the stages behind it. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface ReceiverThread extends StageThread {
  /** Recovers the log, gives a new one its rules, and brings those of a changed file into force. */
  open(rules: RuleFileContent | undefined): Promise<void>;
  listen(params: ListenParams): Promise<ListenAddress>;
  /** What `/readyz` shows beside the log. */
  note(dependencies: readonly Dependency[]): void;
}

export interface ListenParams {
  host: string;
  port: number;
  /** Of each partition, from its state: known even where the log has forgotten its first record. */
  stateLogIds: readonly (string | undefined)[];
}

export interface ListenAddress {
  host: string;
  port: number;
}

export interface TransformerThread extends StageThread {
  /** Resolves with the log that each partition's state belongs to. */
  open(): Promise<(string | undefined)[]>;
  run(): void;
  /** Lets the log forget events that are folded for good and stored for good. */
  release(flushed: readonly FlushedMark[]): Promise<void>;
  /** Makes checkpoints, also after `stop`; when asked, also of what has not changed. */
  checkpoint(how: CheckpointCall): Promise<CheckpointOutcome[]>;
}

export interface CheckpointCall {
  isAsked: boolean;
  /** What is not done by then is given up. */
  msMax: number;
}

export interface WriterThread extends StageThread {
  open(): Promise<void>;
  /**
   * Resolves when the store has its tables and views, so that whoever reads "ready" can query
   * them; or when that failed for the first time, because a store that is away stops nothing.
   */
  run(connection: PostgresConnection): Promise<void>;
  /** What of each partition survives a crash of the store, as far as it is known. */
  flushed(): FlushedMark[];
}

export interface FlushedMark {
  partition: number;
  logId: string;
  /** Everything below this offset of the events partition is stored for good. */
  offset: number;
}

/** What a stage's thread asks of the supervisor. */
export interface Supervisor {
  /** The stage broke down: the whole process ends, and its next start recovers. */
  failed(error: SentError): void;
  /** What `GET /api/v1/status` answers. */
  status(): Promise<unknown>;
  /** What `POST /api/v1/checkpoints` asks for. */
  checkpoint(): Promise<CheckpointOutcome[]>;
  /** What `GET /api/v1/ledger` answers. */
  ledger(): Promise<LedgerReport>;
  /** The metrics of all threads, in Prometheus' text format. */
  exposition(): Promise<string>;
}
