import { expect, test } from 'vitest';
import { callTree, dearest, type CpuProfile } from './cpu-profile.ts';
import { flameGraph } from './flame-graph.ts';

const frame = (functionName: string, url = '/somewhere/src/a.js') => ({
  callFrame: { functionName, url, lineNumber: 9 },
});

const profile: CpuProfile = {
  nodes: [
    { id: 1, ...frame('(root)', ''), children: [2, 5, 6] },
    { id: 2, ...frame('fold'), children: [3, 4] },
    { id: 3, ...frame('touch') },
    { id: 4, ...frame('<T>') },
    { id: 5, ...frame('(idle)', '') },
    { id: 6, ...frame('touch') },
  ],
  samples: [2, 3, 5, 4, 6],
  timeDeltas: [10, 20, 1000, 30, 40],
};

test('times add up to those that called, without what was idle', () => {
  const root = callTree(profile);
  expect(root.totalUs).toBe(100);
  expect(root.calls.map(({ name, totalUs }) => [name, totalUs])).toEqual([
    ['fold src/a.js:10', 60],
    ['touch src/a.js:10', 40],
  ]);
  expect(dearest(root, 1)).toEqual([['touch src/a.js:10', 60]]);
});

test('the picture names each function, as text and not as markup', () => {
  const svg = flameGraph(callTree(profile), 'a & b');
  expect(svg).toContain('fold src/a.js:10: 60.0 %, itself 10.0 %');
  expect(svg).toContain('&lt;T> src/a.js:10: 30.0 %');
  expect(svg).toContain('a &amp; b');
  expect(svg).not.toContain('idle');
});
