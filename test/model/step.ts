import type { World } from './protocol-world.ts';

/** Ways to break the protocol, each of which has to be found out. */
export const MUTATIONS = [
  'commit before the series ack',
  'append not sent again',
  'empty range not published',
  'published mark in the state',
  'state committed without comparing',
  'mark moved over a gap',
  'mark moved without comparing',
  'mark compared after the entries',
  'record applied from its start',
] as const;
export type Mutation = (typeof MUTATIONS)[number];

/** One thing that can happen next. */
export interface Step {
  /** Something lost for good, the beginning of an idle process, or anything else. */
  kind: 'go' | 'begin' | 'lose';
  /** A sentence; made only when somebody wants to read it. */
  what: () => string;
  world: World;
}

/** The compare-and-set of the state store. */
export function landCommit(
  world: World,
  commit: Readonly<{ expected: number; next: number; published: number }>,
  mutation: Mutation | undefined,
): { world: World; isDone: boolean } {
  const { expected, next, published } = commit;
  const isSame = world.committed === expected;
  if (!isSame && mutation !== 'state committed without comparing') return { world, isDone: false };
  const done: World = {
    ...world,
    committed: next,
    published,
    everCommitted: world.everCommitted | (1 << next),
    // Only pages that changed since `expected` were written: the others are of another state.
    isMixed: world.isMixed || !isSame,
  };
  return { world: done, isDone: true };
}
