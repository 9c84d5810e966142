import { describe, expect, test } from 'vitest';
import { fileRules, type FileRule } from './file-rules.ts';
import { readTree, type TreeFile } from './tree.ts';

const tree = readTree();

const found = (rule: FileRule, files: readonly TreeFile[]): string[] =>
  files.filter(rule.appliesTo).flatMap(rule.find);

describe.each(fileRules.map((rule) => [rule.name, rule] as const))('%s', (_, rule) => {
  test('holds in the whole tree', () => {
    expect(found(rule, tree), rule.why).toEqual([]);
  });

  test('finds what breaks it', () => {
    const [path, text] = rule.planted;
    const file: TreeFile = { path, text, bytes: Buffer.byteLength(text) };
    expect(found(rule, [file])).toEqual([expect.stringContaining(path)]);
  });
});

test('the tree is there', () => {
  expect(tree.length).toBeGreaterThan(50);
});
