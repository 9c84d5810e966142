import type { Clock } from '@millrace/runtime';

const LOOK_MS = 250;

/** Holds something to a number a second, whatever that is at the time. */
export class Pace {
  readonly #clock: Clock;
  /** 0: no bound. */
  readonly #perSecondMax: () => number;
  /** For how long what is not used is saved up. */
  readonly #savedMsMax: number;
  /** What was used and is not paid for yet; below 0 what is saved up. */
  #owed = 0;
  #lastUs: number;

  constructor(clock: Clock, perSecondMax: () => number, savedMsMax = 0) {
    this.#clock = clock;
    this.#perSecondMax = perSecondMax;
    this.#savedMsMax = savedMsMax;
    this.#lastUs = clock.nowUs();
  }

  use(amount: number): void {
    this.#pay();
    if (this.#perSecondMax() > 0) this.#owed += amount;
  }

  get isBounded(): boolean {
    return this.#perSecondMax() > 0;
  }

  get isOwed(): boolean {
    this.#pay();
    return this.#owed > 0;
  }

  /** Resolves when all that was used is paid for, or when it `isOver`. */
  async settle(isOver: () => boolean, signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#pay();
      const perSecondMax = this.#perSecondMax();
      if (this.#owed <= 0 || perSecondMax === 0 || isOver()) return;
      const owedMs = (this.#owed / perSecondMax) * 1000;
      await this.#clock.sleep(Math.min(LOOK_MS, Math.ceil(owedMs)), signal);
    }
  }

  #pay(): void {
    const nowUs = this.#clock.nowUs();
    // A clock that is set back costs nothing.
    const elapsedUs = Math.max(0, nowUs - this.#lastUs);
    this.#lastUs = nowUs;
    const perSecondMax = this.#perSecondMax();
    const paid = (elapsedUs / 1e6) * perSecondMax;
    const saved = (this.#savedMsMax / 1000) * perSecondMax;
    this.#owed = perSecondMax === 0 ? 0 : Math.max(-saved, this.#owed - paid);
  }
}

/** How much of something there was in a second, lately. */
export class Rate {
  readonly #clock: Clock;
  #sinceUs: number;
  #count = 0;
  #perSecond = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceUs = clock.nowUs();
  }

  note(count: number): void {
    this.#turn(1e6);
    this.#count += count;
  }

  get perSecond(): number {
    // Nothing came for a while: then it is what came since.
    this.#turn(5e6);
    return Math.round(this.#perSecond);
  }

  #turn(atLeastUs: number): void {
    const nowUs = this.#clock.nowUs();
    const elapsedUs = nowUs - this.#sinceUs;
    if (elapsedUs >= 0 && elapsedUs < atLeastUs) return;
    this.#perSecond = elapsedUs > 0 ? (this.#count * 1e6) / elapsedUs : 0;
    this.#count = 0;
    this.#sinceUs = nowUs;
  }
}
