import { errorKind, settlesWithin, type Clock } from '@millrace/runtime';

interface StoreReturnParams {
  clock: Clock;
  /** So often it is looked for, and up to twice as often. */
  lookMs: number;
  /** Told of each look. */
  onLook: (isThere: boolean) => void;
}

interface Absence {
  /** How long the pause is if nobody sees the store meanwhile. */
  delayMs: number;
  /** Rejects as long as nobody answers. */
  look: () => Promise<unknown>;
}

/** Which millisecond it is, is chance enough, and in a simulation the same each time. */
const SPREAD = 512;

/**
 * Of all partitions of one writer. Pauses between attempts grow, so that a store that is ill is let
 * alone; but where nobody answers, to ask costs nobody anything. While that is so one partition
 * looks, and all go on when it was seen: otherwise a store that is back would have no work for as
 * long as the longest pause.
 */
export class StoreReturn {
  readonly #params: StoreReturnParams;
  /** Told that it was seen, or that they may look themselves. */
  readonly #waiting = new Set<(isSeen: boolean) => void>();
  #isLooking = false;

  constructor(params: StoreReturnParams) {
    this.#params = params;
  }

  /** Resolves when the pause is over or the store was seen; rejects when the signal aborts. */
  async wait({ delayMs, look }: Absence, signal: AbortSignal): Promise<void> {
    const { clock } = this.#params;
    const startUs = clock.nowUs();
    try {
      for (;;) {
        const leftMs = delayMs - (clock.nowUs() - startUs) / 1000;
        if (leftMs <= 0) return;
        // A clock that was set back must not make a pause longer than it was to be.
        const atMostMs = Math.min(leftMs, delayMs);
        const isOver = this.#isLooking
          ? await this.#waitForOthers(atMostMs, signal)
          : await this.#lookWithin(atMostMs, look, signal);
        if (isOver) return;
      }
    } finally {
      // Also of one that was told to look in the moment in which it left.
      if (!this.#isLooking) this.#passOn();
    }
  }

  /** Whoever finds it again says so. */
  seen(): void {
    for (const tell of this.#waiting) tell(true);
  }

  async #lookWithin(leftMs: number, look: Absence['look'], signal: AbortSignal): Promise<boolean> {
    const { clock, onLook } = this.#params;
    this.#isLooking = true;
    try {
      const pauseMs = this.#spreadMs();
      await clock.sleep(Math.min(pauseMs, leftMs), signal);
      // An attempt follows, which sees it as well.
      if (pauseMs >= leftMs) return true;
      const isThere = await this.#answersWithin(leftMs - pauseMs, look, signal);
      onLook(isThere);
      if (isThere) this.seen();
      return isThere;
    } finally {
      this.#isLooking = false;
    }
  }

  /** Where packets are lost nobody refuses either: false as well when the pause is over first. */
  async #answersWithin(
    leftMs: number,
    look: Absence['look'],
    signal: AbortSignal,
  ): Promise<boolean> {
    const answering = answers(look);
    return (await settlesWithin(this.#params.clock, leftMs, answering, signal)) && answering;
  }

  /** Somebody else may look instead. */
  #passOn(): void {
    const [next] = this.#waiting;
    next?.(false);
  }

  async #waitForOthers(leftMs: number, signal: AbortSignal): Promise<boolean> {
    let tell: (isSeen: boolean) => void;
    const told = new Promise<boolean>((resolve) => {
      tell = (isSeen) => {
        this.#waiting.delete(tell);
        resolve(isSeen);
      };
      this.#waiting.add(tell);
    });
    try {
      return !(await settlesWithin(this.#params.clock, leftMs, told, signal)) || (await told);
    } finally {
      this.#waiting.delete(tell!);
    }
  }

  /** Several writers lose the store together, but seldom in the same millisecond. */
  #spreadMs(): number {
    const { clock, lookMs } = this.#params;
    const chance = (Math.floor(clock.nowUs() / 1000) % SPREAD) / SPREAD;
    return (lookMs * (1 + chance)) / 2;
  }
}

async function answers(look: Absence['look']): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    // What else is wrong the attempt tells that follows: somebody answered.
    return errorKind(error) !== 'transient';
  }
}
