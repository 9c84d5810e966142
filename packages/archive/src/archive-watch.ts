import { errorKind, type ArchiveStatus, type Clock } from '@millrace/runtime';
import { reasonOf } from './archive-reason.ts';
import type { OpenedArchive } from './binding/open-archive.ts';

/** Whoever only lets the log forget looks this often whether its archive is the right one. */
const LOOK_MS = 15_000;

/**
 * Tells why a process that archives nothing itself may let the log forget nothing: of a wrong
 * setting, or a disk that is not there, a person should know before the log is full.
 */
export class ArchiveWatch {
  readonly #parts: Readonly<{ archive: Pick<OpenedArchive, 'check'>; clock: Clock }>;
  readonly #stopping = new AbortController();
  #reason: ArchiveStatus['reason'];
  #running: Promise<void> | undefined;

  constructor(parts: Readonly<{ archive: Pick<OpenedArchive, 'check'>; clock: Clock }>) {
    this.#parts = parts;
  }

  /** Resolves when stopped; it never rejects. */
  run(): Promise<void> {
    return (this.#running ??= this.#run());
  }

  /** Of these partitions; undefined: all is well. */
  statuses(partitions: readonly number[]): ArchiveStatus[] | undefined {
    const reason = this.#reason;
    if (reason === undefined) return undefined;
    return partitions.map((partition) => ({ partition, position: 0, endOffset: 0, reason }));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { archive, clock } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await archive.check(signal);
        this.#reason = undefined;
      } catch (error) {
        if (!signal.aborted || errorKind(error) !== 'aborted') this.#reason = reasonOf(error);
      }
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }
}
