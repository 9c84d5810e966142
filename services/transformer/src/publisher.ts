import { createBackoff, errorKind, type Clock } from '@millrace/runtime';
import { TOPIC_SERIES, type Producer } from '@millrace/stream';
import type { SealedRecord, SeriesRecordBuilder } from '@millrace/wire';

interface PublisherParts {
  partition: number;
  builder: SeriesRecordBuilder;
  producer: Producer;
  clock: Clock;
  /** Ends everything: what is not appended by then is folded again by the next owner. */
  signal: AbortSignal;
  pendingBytesMax: number;
  /** Told of what waits to be published until the signal; of nothing while appends fail. */
  onPending?: (bytes: number) => void;
  /** A record is sent; until it is published, or tried again, nobody knows what became of it. */
  onSend: () => void;
  onRetry: (error: unknown) => void;
  onPublished: (record: SealedRecord) => void;
}

/**
 * Appends what the builder collects to `metrics.series`, in order, one unacknowledged append at
 * a time: after an error the same record is sent again, so a reader may see it twice but never
 * sees a later one before it. While one append is under way the next record fills up.
 */
export class Publisher {
  readonly #parts: PublisherParts;
  #position: () => number = () => 0;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;
  #waiting: (() => void)[] = [];

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    // Whoever waits must not wait for an append that never comes back.
    parts.signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /** Publishes everything decided below `position` (a function: it moves on meanwhile). */
  pump(position: () => number): void {
    this.#position = position;
    this.#tellPending(this.#pendingBytes());
    if (this.#failure !== undefined || this.#running !== undefined) return;
    this.#running = this.#run().then(
      () => this.#settle(),
      (error: unknown) => {
        this.#failure = { error };
        this.#settle();
      },
    );
  }

  /** Resolves when little enough waits to be published; rejects when publishing broke down. */
  async room(): Promise<void> {
    while (this.#pendingBytes() > this.#parts.pendingBytesMax) await this.#progress();
    this.#throwFailure();
  }

  /** Resolves when nothing is left that was sealed before the call. */
  async settled(): Promise<void> {
    const { sealed } = this.#parts.builder;
    const last = sealed.at(-1);
    while (last !== undefined && sealed.includes(last)) await this.#progress();
    this.#throwFailure();
  }

  async #run(): Promise<void> {
    const { builder, signal } = this.#parts;
    for (;;) {
      // Given up in the middle of a record, the builder holds entries that nobody may see yet.
      signal.throwIfAborted();
      if (builder.sealed.length === 0 && builder.bytes > 0) builder.flush(this.#position());
      const record = builder.sealed[0];
      if (record === undefined) return;
      await this.#append(record);
      // Only now: `settled` looks for it among the sealed ones.
      builder.sealed.shift();
      this.#tellPending(this.#pendingBytes());
      this.#parts.onPublished(record);
      this.#wake();
    }
  }

  async #append(record: SealedRecord): Promise<void> {
    const { producer, partition, clock, signal, onSend, onRetry } = this.#parts;
    const backoff = createBackoff({ clock });
    onSend();
    for (;;) {
      try {
        await producer.append(TOPIC_SERIES, partition, record.payload);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (errorKind(error) !== 'transient') throw error;
        onRetry(error);
        this.#tellPending(0);
        await backoff.wait(signal);
      }
    }
  }

  /** Not once it is over: an append may still be answered then, and nobody would take it back. */
  #tellPending(bytes: number): void {
    const { signal, onPending } = this.#parts;
    if (!signal.aborted) onPending?.(bytes);
  }

  #pendingBytes(): number {
    const { sealed, bytes } = this.#parts.builder;
    return sealed.reduce((sum, record) => sum + record.payload.length, bytes);
  }

  async #progress(): Promise<void> {
    this.#throwFailure();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#parts.signal.throwIfAborted();
  }

  #settle(): void {
    this.#running = undefined;
    // Something may have been sealed since the loop looked for the last time.
    if (this.#parts.builder.sealed.length > 0) this.pump(this.#position);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
