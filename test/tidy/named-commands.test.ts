import { expect, test } from 'vitest';
import { readTree, type TreeFile } from './tree.ts';

/** What is told to a person as a command: in double quotes in texts, in backquotes in pages. */
const NAMED = /["`]millrace ([a-z]+)(?: ([a-z]+))?/g;
const ADDED = /\.command\('([a-z]+)/g;

/** The commands there are, with those below them, as `commands/NAME.ts` adds them. */
function commandsOf(tree: readonly TreeFile[]): Map<string, string[]> {
  const files = tree.filter(({ path }) =>
    /^packages\/cli\/src\/(commands\/[a-z]+|run-cli)\.ts$/.test(path),
  );
  return new Map(
    files.map(({ text }) => {
      const [name = '', ...below] = [...text.matchAll(ADDED)].map(([, word = '']) => word);
      return [name, below];
    }),
  );
}

test('whoever is told to run a command can: it is there', () => {
  const tree = readTree();
  const commands = commandsOf(tree);
  expect(commands.get('edition')).toContain('promote');
  const told = tree
    .filter(({ path }) => /\.(ts|md)$/.test(path) && !/\.test\.ts$|CHANGELOG/.test(path))
    .flatMap(({ path, text }) => [...text.matchAll(NAMED)].map((match) => ({ path, match })));
  expect(told.length).toBeGreaterThan(50);
  const unknown = told.filter(({ match: [, name = '', word] }) => {
    const below = commands.get(name);
    const isThere = below !== undefined || name === 'help';
    return !isThere || (below?.length && word !== undefined && !below.includes(word));
  });
  expect(unknown.map(({ path, match: [text] }) => `${path}: ${text}`)).toEqual([]);
});
