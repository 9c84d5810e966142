import { setImmediate as settle } from 'node:timers/promises';
import type { Clock } from '@millrace/runtime';

interface Timer {
  atUs: number;
  order: number;
  fire: () => void;
}

/** Time that moves only when everybody waits: then to the next timer. */
export class VirtualClock implements Clock {
  #nowUs: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(startUs: number) {
    this.#nowUs = startUs;
  }

  nowUs(): number {
    return this.#nowUs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      this.#order += 1;
      const abort = (): void => {
        this.#timers.delete(timer);
        reject(signal?.reason as Error);
      };
      const timer: Timer = {
        atUs: this.#nowUs + Math.max(0, Math.round(ms * 1000)),
        order: this.#order,
        fire: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      this.#timers.add(timer);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Lets everything run that can, then moves to the next timer; false when there is none. */
  async step(): Promise<boolean> {
    await settle();
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.atUs < next.atUs) next = timer;
      else if (timer.atUs === next.atUs && timer.order < next.order) next = timer;
    }
    if (next === undefined) return false;
    this.#timers.delete(next);
    this.#nowUs = Math.max(this.#nowUs, next.atUs);
    next.fire();
    return true;
  }

  /** Several steps, as far as there is something to wait for. */
  async sleepSteps(steps: number): Promise<void> {
    for (let i = 0; i < steps; i += 1) await this.step();
  }
}
