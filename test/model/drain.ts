import { brokenInvariant } from './invariants.ts';
import { stepsOf } from './protocol-steps.ts';
import type { Mutation, Step } from './step.ts';
import {
  entriesBelow,
  EVENTS_WITH_TICKS,
  firstPlaceOf,
  keyOf,
  type World,
} from './protocol-world.ts';

const STEPS_MAX = 400;

export interface Stuck {
  what: string;
  /** What happened from the world on that was asked about. */
  steps: Step[];
}

/**
 * Liveness: nothing goes wrong any more, everybody goes on, whatever was sent lands, and the idle
 * partition ticks. Then everything must be stored in the end, from any world.
 */
export class Drain {
  readonly #mutation: Mutation | undefined;
  /** Worlds from which all is known to drain. */
  readonly #good = new Set<string>();

  constructor(mutation: Mutation | undefined) {
    this.#mutation = mutation;
  }

  /** Undefined when all drains. */
  stuck(from: World): Stuck | undefined {
    const steps: Step[] = [];
    const passed: string[] = [];
    let world: World = { ...from, faults: 0 };
    for (;;) {
      const key = keyOf(world);
      if (this.#good.has(key)) break;
      passed.push(key);
      const what = brokenInvariant(world);
      if (what !== undefined) return { what, steps };
      const step = this.#next(world, steps.length);
      if (step === undefined) {
        const all = entriesBelow[firstPlaceOf[EVENTS_WITH_TICKS]!]!;
        if (world.stored === all) break;
        const end = `${world.stored} of ${all} entries are stored, and nothing goes on`;
        return { what: `Everything is stored in the end: ${end}.`, steps };
      }
      steps.push(step);
      if (steps.length > STEPS_MAX) {
        return { what: `Everything comes to an end: not after ${STEPS_MAX} steps.`, steps };
      }
      world = step.world;
    }
    for (const key of passed) this.#good.add(key);
    return undefined;
  }

  /** One of the fair ways to go on: by turns, so that nobody waits for ever. */
  #next(world: World, turn: number): Step | undefined {
    // Who has nothing to do need not begin; and for want of a writer nothing would ever be stored.
    const hasWork =
      world.committed < world.events || world.series.some(({ to }) => to > world.mark);
    const steps = stepsOf(world, this.#mutation).filter(
      ({ kind }) => kind === 'go' || (kind === 'begin' && hasWork),
    );
    if (steps.length > 0) return steps[turn % steps.length];
    if (world.events === EVENTS_WITH_TICKS) return undefined;
    const ticked = { ...world, events: world.events + 1 };
    return { kind: 'go', what: () => 'a tick is appended', world: ticked };
  }
}
