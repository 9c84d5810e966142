import type { Log } from '@millrace/runtime';

/** Counts what stages tell, by the message. */
export class LineCounts {
  readonly #counts = new Map<string, number>();

  of(message: string): number {
    return this.#counts.get(message) ?? 0;
  }

  get log(): Log {
    const count = (_fields: unknown, message: string): void => {
      this.#counts.set(message, this.of(message) + 1);
    };
    return { debug: count, info: count, warn: count, error: count, child: () => this.log };
  }
}
