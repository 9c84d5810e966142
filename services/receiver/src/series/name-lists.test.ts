import type { LabelSet } from '@millrace/model';
import { expect, test } from 'vitest';
import { NameLists } from './name-lists.ts';
import { SymbolTable } from './symbol-table.ts';

test('label sets of the same names share a list', () => {
  const symbols = new SymbolTable();
  const lists = new NameLists();
  const texts = new Map<number, string>();
  const named = (...names: string[]): [list: number, names: string[]] => {
    const labels = names.map((name) => [name, 'x'] as const) as unknown as LabelSet;
    const list = lists.numberOf(labels, symbols);
    for (const name of names) texts.set(symbols.idOf(name), name);
    const start = lists.start(list);
    const ids = [...lists.names.subarray(start, start + names.length)];
    return [list, ids.map((id) => texts.get(id)!)];
  };
  expect(named('a', 'b')).toEqual([0, ['a', 'b']]);
  expect(named('a')).toEqual([1, ['a']]);
  expect(named('a', 'b')).toEqual([0, ['a', 'b']]);
  expect(named('a', 'c')).toEqual([2, ['a', 'c']]);
  expect(named('a', 'c')).toEqual([2, ['a', 'c']]);
  expect(named()).toEqual([3, []]);
  expect(named('b', 'a')).toEqual([4, ['b', 'a']]);
  expect(named('a')).toEqual([1, ['a']]);
});
