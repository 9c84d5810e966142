import { expect, test } from 'vitest';
import { keepNewestLeaders } from './newest-leaders.ts';
import type { ClusterMetadata } from './protocol.ts';

/** Of one topic: `leader@epoch` of each partition. */
function saying(id: string, ...leaders: readonly string[]): ClusterMetadata {
  const pairs = leaders.map((text) => text.split('@').map(Number));
  const topic = {
    ...{ error: 0, id, replicas: 3 },
    leaders: pairs.map(([leader]) => leader!),
    leaderEpochs: pairs.map(([, epoch]) => epoch!),
  };
  return { nodes: new Map(), topics: new Map([['metrics.events', topic]]) };
}

test('what is older than what was heard before counts for nothing, partition by partition', () => {
  const known = saying('a', '1@4', '2@7', '3@2');
  expect(keepNewestLeaders(undefined, known)).toEqual(known);
  expect(keepNewestLeaders(known, saying('a', '2@5', '1@6', '3@2'))).toEqual(
    saying('a', '2@5', '2@7', '3@2'),
  );
  // None leads now: that is newer too.
  expect(keepNewestLeaders(known, saying('a', '-1@5', '2@7', '-1@1'))).toEqual(
    saying('a', '-1@5', '2@7', '3@2'),
  );
});

test('a topic that was made again begins to count anew', () => {
  const again = saying('b', '1@0', '2@0');
  expect(keepNewestLeaders(saying('a', '1@4', '2@7'), again)).toEqual(again);
});
