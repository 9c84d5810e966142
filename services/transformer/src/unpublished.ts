/**
 * What waits to be published, of all partitions that share a process and have put out more than
 * each of them may by its own bound. A partition that folds on only when little enough waits of
 * the others keeps that bounded as well: when windows of all series end, one record of each puts
 * out tens of megabytes, in all partitions at the same moment.
 */
export class Unpublished {
  readonly #bytesMax: number;
  readonly #bytes = new Map<number, number>();
  #waiting: (() => void)[] = [];

  /** `bytesMax`: of all others together, when one folds on. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What waits of a partition now. 0 also while its appends fail: it must not hold up others. */
  note(partition: number, bytes: number): void {
    const before = this.#bytes.get(partition) ?? 0;
    if (bytes === 0) this.#bytes.delete(partition);
    else this.#bytes.set(partition, bytes);
    if (bytes < before) this.#wake();
  }

  /**
   * Whether a partition may fold on. Asked right before it does, with nothing waited for between:
   * else all that waited would go on at once.
   */
  hasRoom(partition: number): boolean {
    let bytes = 0;
    for (const [other, waiting] of this.#bytes) if (other !== partition) bytes += waiting;
    return bytes <= this.#bytesMax;
  }

  /** Resolves when less waits than before, or at the signal. */
  async change(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    signal.removeEventListener('abort', wake);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
