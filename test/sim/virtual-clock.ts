import { setImmediate as settle } from 'node:timers/promises';
import type { Clock } from '@millrace/runtime';

interface Timer {
  atUs: number;
  order: number;
  /** Undefined once nobody waits for it any more. */
  fire: (() => void) | undefined;
}

/** Time that moves only when everybody waits: then to the next timer. */
export class VirtualClock implements Clock {
  #nowUs: number;
  #order = 0;
  /** A binary heap, the next timer first. */
  readonly #timers: Timer[] = [];
  steps = 0;

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
        timer.fire = undefined;
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
      this.#push(timer);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Lets everything run that can, then moves to the next timer; false when there is none. */
  async step(): Promise<boolean> {
    await settle();
    this.steps += 1;
    for (;;) {
      const next = this.#pop();
      if (next === undefined) return false;
      if (next.fire === undefined) continue;
      this.#nowUs = Math.max(this.#nowUs, next.atUs);
      next.fire();
      return true;
    }
  }

  /** Several steps, as far as there is something to wait for. */
  async sleepSteps(steps: number): Promise<void> {
    for (let i = 0; i < steps; i += 1) await this.step();
  }

  /** The whole world is suspended for so long: what was due meanwhile is late. */
  leap(us: number): void {
    this.#nowUs += us;
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(timer, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#timers;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
