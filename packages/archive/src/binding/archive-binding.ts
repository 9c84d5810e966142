import type { BoundArchive } from '@millrace/control';

/**
 * To which archive a log is bound, as it is written down beside the log and not in anybody's
 * settings: from the first use on the log forgets nothing that is not in that one.
 */
export interface ArchiveBinding {
  /** Undefined: to none, or a person said that it is forgotten. */
  read(signal?: AbortSignal): Promise<BoundArchive | undefined>;
  /**
   * What an archive is called that nothing lies in: of one place all who ask meanwhile are told the
   * same, and of two places not, so that a log is bound to one of them.
   */
  proposeId(place: string, signal?: AbortSignal): Promise<string>;
  /** Durable when it resolves. May be repeated; when another one was faster, that one counts. */
  bind(archive: BoundArchive): Promise<void>;
  /** Only when a person says so. Durable when it resolves; may be repeated. */
  forget(): Promise<void>;
}
