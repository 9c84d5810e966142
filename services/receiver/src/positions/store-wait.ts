import type { Clock } from '@millrace/runtime';
import type { ReceiverEvents } from '../events.ts';
import type { StoredPositions } from './stored-positions.ts';
import type { TokenPosition } from '../token.ts';

/** Lets requests wait until what they sent, or what another one sent, is stored. */
export class StoreWait {
  readonly #stored: StoredPositions;
  readonly #clock: Clock;
  readonly #waitersMax: number;
  readonly #events: ReceiverEvents;
  readonly #stopped = new AbortController();
  #waiters = 0;

  constructor(
    params: Readonly<{
      stored: StoredPositions;
      clock: Clock;
      waitersMax: number;
      events: ReceiverEvents;
    }>,
  ) {
    this.#stored = params.stored;
    this.#clock = params.clock;
    this.#waitersMax = params.waitersMax;
    this.#events = params.events;
  }

  /** Ends all waits, also those to come. */
  stop(): void {
    this.#stopped.abort();
  }

  /** True when one more request may wait. */
  get hasRoom(): boolean {
    return this.#waiters < this.#waitersMax;
  }

  /** Makes `storedPosition` tell what is so now. */
  async refresh(positions: readonly TokenPosition[]): Promise<void> {
    await this.#stored.refresh?.(positions.map(({ partition }) => partition));
  }

  storedPosition(partition: number): number {
    return this.#stored.position(partition);
  }

  isStored(positions: readonly TokenPosition[]): boolean {
    return positions.every(
      ({ partition, position }) => this.#stored.position(partition) >= position,
    );
  }

  /**
   * Resolves as soon as everything is stored, `timeoutMs` have passed or `signal` aborts; tells
   * whether it is. Never rejects: what was acknowledged must not look like a failure because the
   * store cannot be asked.
   */
  async wait(
    positions: readonly TokenPosition[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (this.isStored(positions) || !this.hasRoom) return this.isStored(positions);
    this.#waiters += 1;
    const ended = new AbortController();
    const over = ended.signal;
    const end = (): void => ended.abort();
    // By hand: AbortSignal.any would keep something for every request while the receiver lives.
    const causes = [signal, this.#stopped.signal];
    for (const cause of causes) cause.addEventListener('abort', end, { once: true });
    if (causes.some((cause) => cause.aborted)) end();
    const waits = Promise.all(
      positions.map(async ({ partition, position }) => {
        await this.#stored.wait(partition, position, over);
      }),
    );
    const sleep = this.#clock.sleep(timeoutMs, over);
    try {
      await Promise.race([waits, sleep]);
    } catch (error) {
      if (!over.aborted) this.#events.waitFailed({ error });
    } finally {
      end();
      for (const cause of causes) cause.removeEventListener('abort', end);
      await Promise.allSettled([waits, sleep]);
      this.#waiters -= 1;
    }
    return this.isStored(positions);
  }
}
