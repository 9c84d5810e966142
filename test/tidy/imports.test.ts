import { describe, expect, test } from 'vitest';
import {
  findMisdirected,
  findUndeclared,
  findUnused,
  importsOf,
  splitSpecifier,
} from './imports.ts';
import { isTypeScript, readTree, type TreeFile } from './tree.ts';
import { floors, readWorkspaces, rootDevDependencies } from './workspaces.ts';

const tree = readTree();
const sources = tree.filter(({ path }) => isTypeScript(path));
const workspaces = readWorkspaces(tree);
const devDependencies = rootDevDependencies(tree);

const planted = (path: string, ...specifiers: string[]): TreeFile => {
  const text = specifiers.map((specifier) => `import { x } from '${specifier}';\n`).join('');
  return { path, text, bytes: text.length };
};

describe('imports', () => {
  test('every form is seen, comments are not', () => {
    const text = [
      "import { a } from 'a';",
      "import type {\n  b,\n} from 'b';",
      "import 'c';",
      "export { d } from 'd';",
      "const e = await import('node:e');",
      "// import 'f';",
      "/* import 'g'; */",
    ].join('\n');
    expect(importsOf(text).toSorted()).toEqual(['a', 'b', 'c', 'd', 'node:e']);
  });

  test('names and sub-paths are told apart', () => {
    expect(splitSpecifier('pg')).toEqual({ packageName: 'pg', subPath: '.' });
    expect(splitSpecifier('@millrace/stream/memory')).toEqual({
      packageName: '@millrace/stream',
      subPath: './memory',
    });
  });
});

describe('floors', () => {
  test('imports go down, and only composers know adapters', () => {
    expect(sources.flatMap((file) => findMisdirected(file, workspaces))).toEqual([]);
  });

  test('every workspace has a floor', () => {
    expect(workspaces.map(({ name }) => name).toSorted()).toEqual(Object.keys(floors).toSorted());
  });

  test.each([
    ['packages/wire/src/a.ts', '@millrace/stream', 'imports go down'],
    ['services/writer/src/a.ts', '@millrace/receiver', 'imports go down'],
    ['packages/model/src/a.ts', '@millrace/runtime', 'imports go down'],
    ['packages/stream/src/a.ts', '@millrace/stream', 'imports go down'],
    ['services/writer/src/writer.ts', '@millrace/store/postgres', 'an adapter'],
    ['packages/audit/src/audit.ts', '@millrace/store/postgres', 'an adapter'],
    ['services/writer/src/writer.ts', '@millrace/store/src/store.ts', 'does not export'],
    ['services/writer/src/writer.ts', '@millrace/nonsense', 'no workspace'],
    ['services/writer/src/writer.ts', '../../receiver/src/x.ts', 'leaves its package'],
    ['services/writer/src/writer.ts', './index.ts', 'import the file itself'],
    ['services/writer/src/writer.ts', './fetch.js', 'without its .ts'],
  ])('%s must not import %s', (path, specifier, why) => {
    expect(findMisdirected(planted(path, specifier), workspaces)).toEqual([
      expect.stringContaining(why),
    ]);
  });

  test.each([
    ['services/writer/src/main.ts', '@millrace/store/postgres'],
    ['services/writer/src/writer.test.ts', '@millrace/store/memory'],
    ['services/single/src/components.ts', '@millrace/state/lmdb'],
    ['services/writer/src/writer.ts', '@millrace/stream'],
    ['services/writer/src/writer.ts', './fetch.ts'],
  ])('%s may import %s', (path, specifier) => {
    expect(findMisdirected(planted(path, specifier), workspaces)).toEqual([]);
  });
});

describe('declared dependencies', () => {
  test('whatever is imported is declared', () => {
    const found = sources.flatMap((file) => findUndeclared(file, workspaces, devDependencies));
    expect(found).toEqual([]);
  });

  test('whatever is declared is imported', () => {
    expect(findUnused(tree, workspaces)).toEqual([]);
  });

  test('what is missing is found', () => {
    const path = 'services/writer/src/writer.ts';
    const find = (file: TreeFile) => findUndeclared(file, workspaces, devDependencies);
    expect(find(planted(path, 'left-pad', 'fs'))).toHaveLength(2);
    expect(find(planted(path, 'vitest'))).toHaveLength(1);
    expect(find(planted('services/writer/src/writer.test.ts', 'vitest'))).toEqual([]);
    const unreferenced = workspaces.map((one) => ({ ...one, references: new Set<string>() }));
    const file = planted(path, '@millrace/stream');
    expect(find(file)).toEqual([]);
    expect(findUndeclared(file, unreferenced, devDependencies)).toHaveLength(1);
    const writer = workspaces.filter(({ name }) => name === '@millrace/writer');
    expect(findUnused([], writer)).toHaveLength(writer[0]?.dependencies.size ?? -1);
  });

  test('every exported entry exists, and the solution names every workspace', () => {
    const paths = new Set(tree.map((file) => file.path));
    const missing = workspaces.flatMap(({ entries }) => entries.filter((path) => !paths.has(path)));
    expect(missing).toEqual([]);
    const solution = tree.find(({ path }) => path === 'tsconfig.json')?.text ?? '{}';
    const { references } = JSON.parse(solution) as { references: { path: string }[] };
    expect(references.map(({ path }) => path).toSorted()).toEqual(
      workspaces.map(({ path }) => path).toSorted(),
    );
  });
});
