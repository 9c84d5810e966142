import pc from 'picocolors';
import { expect, test } from 'vitest';
import { formatTable } from './text-table.ts';

const plain = pc.createColors(false);

test('columns are aligned, without frames and trailing blanks', () => {
  const columns = [{ title: 'name' }, { title: 'n', align: 'right' as const }, { title: 'x' }];
  const rows = [
    ['a', '1', ''],
    ['long name', '200', 'y'],
  ];
  expect(formatTable(columns, rows, plain)).toBe(
    ['name         n  x', 'a            1', 'long name  200  y'].join('\n'),
  );
});

test('a line break in a value does not tear the row apart', () => {
  expect(formatTable([{ title: 'a' }], [['1\n2']], plain)).toBe('a\n1⏎2');
});
