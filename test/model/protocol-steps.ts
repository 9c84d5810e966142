import { ownerSteps } from './owner-steps.ts';
import { landCommit, type Mutation, type Step } from './step.ts';
import type { World } from './protocol-world.ts';
import { writerSteps } from './writer-steps.ts';

/** Everything that can happen next. `mutation`: how the protocol is broken, if it is. */
export function stepsOf(world: World, mutation?: Mutation): Step[] {
  const steps: Step[] = [];
  ownerSteps(world, mutation, steps);
  lateSteps(world, mutation, steps);
  writerSteps(world, mutation, steps);
  if (world.faults > 0) rollbackSteps(world, steps);
  return steps;
}

/** What was sent by those who are gone lands, in any order, or is lost. */
function lateSteps(world: World, mutation: Mutation | undefined, steps: Step[]): void {
  for (const [i, range] of world.lateAppends.entries()) {
    const rest = { ...world, lateAppends: world.lateAppends.toSpliced(i, 1) };
    const landed = { ...rest, series: [...world.series, range] };
    steps.push({
      kind: 'go',
      what: () => `a late append of [${range.from}, ${range.to}) lands`,
      world: landed,
    });
    steps.push({
      kind: 'lose',
      what: () => `a late append of [${range.from}, ${range.to}) is lost`,
      world: rest,
    });
  }
  for (const [i, commit] of world.lateCommits.entries()) {
    const rest = { ...world, lateCommits: world.lateCommits.toSpliced(i, 1) };
    const { world: landed } = landCommit(rest, commit, mutation);
    steps.push({ kind: 'go', what: () => `a late commit at ${commit.next} lands`, world: landed });
    steps.push({
      kind: 'lose',
      what: () => `a late commit at ${commit.next} is lost`,
      world: rest,
    });
  }
}

/** A replica that lost the last seconds takes over, or one that has nothing. */
function rollbackSteps(world: World, steps: Step[]): void {
  for (let position = 0; position < world.committed; position += 1) {
    if ((world.everCommitted & (1 << position)) === 0) continue;
    const back = { ...world, committed: position, published: 0, faults: world.faults - 1 };
    steps.push({ kind: 'go', what: () => `the state is rolled back to ${position}`, world: back });
  }
}
