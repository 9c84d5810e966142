import type { Log } from '@millrace/runtime';

/** Counts what stages tell, by the message. */
export class LineCounts {
  readonly #counts = new Map<string, number>();
  /** Told of every line. */
  onLine: (fields: object, message: string) => void = () => undefined;

  of(message: string): number {
    return this.#counts.get(message) ?? 0;
  }

  get log(): Log {
    const count = (fields: object, message: string): void => {
      this.onLine(fields, message);
      this.#counts.set(message, this.of(message) + 1);
    };
    return { debug: count, info: count, warn: count, error: count, child: () => this.log };
  }
}
