import Table from 'cli-table3';
import type { Colours } from './console-output.ts';

/** One column: its title, and whether it holds numbers. */
export interface TableColumn {
  title: string;
  align?: 'left' | 'right';
}

/** Plain columns without frames: they can be read, copied and cut by other programs. */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  colours: Colours,
): string {
  const nothing = '';
  const table = new Table({
    head: columns.map(({ title }) => colours.bold(title)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
    chars: {
      top: nothing,
      'top-mid': nothing,
      'top-left': nothing,
      'top-right': nothing,
      bottom: nothing,
      'bottom-mid': nothing,
      'bottom-left': nothing,
      'bottom-right': nothing,
      left: nothing,
      'left-mid': nothing,
      mid: nothing,
      'mid-mid': nothing,
      right: nothing,
      'right-mid': nothing,
      middle: nothing,
    },
  });
  // A table's cells are lines: a line break in a value would tear the row apart.
  table.push(...rows.map((row) => row.map((cell) => cell.replace(/\r?\n/g, '⏎'))));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
