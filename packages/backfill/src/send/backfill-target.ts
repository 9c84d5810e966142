import type { RejectReason } from '@millrace/wire';

/** What a receiver says of a request. */
export interface SentAnswer {
  accepted: number;
  rejected: readonly RejectedCount[];
  /** For `stored`; undefined when nothing was accepted. */
  token: string | undefined;
}

export interface RejectedCount {
  reason: RejectReason;
  count: number;
  examples: readonly string[];
  remedy: string;
}

/** Where a file is sent to: a receiver. */
export interface BackfillTarget {
  /**
   * Resolves once all that is accepted of a batch is durable. A repeat counts once.
   *
   * @throws MillraceError transient: send it again; else it will never be taken.
   */
  send(body: Uint8Array): Promise<SentAnswer>;
  /**
   * Whether everything up to a token is stored, after waiting for it for some seconds; undefined:
   * nobody can be asked there.
   *
   * @throws MillraceError `INVALID_TOKEN` when it is of another log; transient: ask again.
   */
  stored(token: string): Promise<boolean | undefined>;
}
