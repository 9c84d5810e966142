import { Drain } from './drain.ts';
import { brokenInvariant } from './invariants.ts';
import { stepsOf } from './protocol-steps.ts';
import type { Mutation } from './step.ts';
import { firstWorld, keyOf, type Extent, type World } from './protocol-world.ts';

export interface Exploration {
  worlds: number;
  /** Every world that can be reached in so many steps was looked at. */
  depth: number;
  /** Whether there is none that takes more. */
  isComplete: boolean;
  counterexample: Counterexample | undefined;
}

/** The shortest way to a world in which something does not hold, or that does not drain. */
export interface Counterexample {
  what: string;
  steps: string[];
}

type Bounds = Extent &
  Readonly<{
    mutation?: Mutation;
    /** Whether everything must drain from every world; not to be asked without writers. */
    isLive: boolean;
    depthMax: number;
    /** So many fit into memory. */
    worldsMax: number;
    isStopping?: () => boolean;
  }>;

/** Breadth first over every order in which things can happen, each world once. */
export function explore(bounds: Bounds): Exploration {
  const { mutation, depthMax, worldsMax, isLive, isStopping } = bounds;
  const drain = isLive ? new Drain(mutation) : undefined;
  const known = new Map<string, number>();
  const parents: number[] = [];
  const first = firstWorld(bounds);
  known.set(keyOf(first), 0);
  parents.push(-1);
  let frontier = [{ world: first, number: 0 }];
  let depth = 0;
  const done = (isComplete: boolean, counterexample?: Counterexample): Exploration => ({
    worlds: parents.length,
    depth,
    isComplete,
    counterexample,
  });
  for (; depth < depthMax && frontier.length > 0; depth += 1) {
    const next: typeof frontier = [];
    for (const { world: from, number: parent } of frontier) {
      for (const { world } of stepsOf(from, mutation)) {
        const key = keyOf(world);
        if (known.has(key)) continue;
        const number = parents.length;
        known.set(key, number);
        parents.push(parent);
        next.push({ world, number });
        const what = brokenInvariant(world);
        const stuck = what === undefined ? drain?.stuck(world) : { what, steps: [] };
        if (stuck !== undefined) {
          const steps = wayTo(number, { first, parents, known, mutation });
          const rest = stuck.steps.map((step) => `then ${step.what()}`);
          return done(false, { what: stuck.what, steps: [...steps, ...rest] });
        }
        if (parents.length >= worldsMax) return done(false);
      }
      if (isStopping?.()) return done(false);
    }
    frontier = next;
  }
  return done(frontier.length === 0);
}

/** Goes the way once more, from the first world on: what happened is kept nowhere. */
function wayTo(
  number: number,
  search: Readonly<{
    first: World;
    parents: readonly number[];
    known: ReadonlyMap<string, number>;
    mutation: Mutation | undefined;
  }>,
): string[] {
  const way: number[] = [];
  for (let at = number; at > 0; at = search.parents[at]!) way.unshift(at);
  let world = search.first;
  return way.map((wanted) => {
    const steps = stepsOf(world, search.mutation);
    const step = steps.find((one) => search.known.get(keyOf(one.world)) === wanted);
    if (step === undefined) throw new Error(`no step leads to world ${wanted}`);
    ({ world } = step);
    return step.what();
  });
}
