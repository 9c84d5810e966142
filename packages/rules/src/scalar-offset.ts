import type { Scalar } from 'yaml';

/**
 * Where in the file's text a character of a scalar's value was written. Exact for plain and quoted
 * scalars of one line and for literal blocks (`|`); else the offset of the scalar itself.
 */
export function scalarOffset(text: string, scalar: Scalar, at: number): number {
  const [start, end] = scalar.range ?? [0, 0];
  const source = text.slice(start, end);
  if (scalar.type === 'BLOCK_LITERAL') return start + literalOffset(source, scalar, at);
  if (source.includes('\n')) return start;
  if (scalar.type === 'QUOTE_DOUBLE') return start + quotedOffset(source, at, DOUBLE_QUOTED);
  if (scalar.type === 'QUOTE_SINGLE') return start + quotedOffset(source, at, SINGLE_QUOTED);
  return start + Math.min(at, source.length);
}

/** What stands for one or two units of the value (two: a character above U+FFFF). */
const DOUBLE_QUOTED = /\\(?:x..|u....|U.{8}|.)|[^]/y;
const SINGLE_QUOTED = /''|[^]/y;

function quotedOffset(source: string, at: number, unit: RegExp): number {
  let offset = 1;
  for (let i = 0; i < at && offset < source.length - 1; i += 1) {
    unit.lastIndex = offset;
    const written = unit.exec(source)?.[0] ?? '';
    offset += written.length;
    if (written.startsWith('\\U') && Number.parseInt(written.slice(2), 16) > 0xffff) i += 1;
  }
  return Math.min(offset, source.length - 1);
}

/** Every line of the value is the tail of its line in the file: what is before it is indent. */
function literalOffset(source: string, scalar: Scalar, at: number): number {
  const before = String(scalar.value).slice(0, at);
  const line = before.split('\n').length;
  const column = before.length - (before.lastIndexOf('\n') + 1);
  const length = String(scalar.value).split('\n')[line - 1]?.length ?? 0;
  const lines = source.split('\n');
  const written = lines[line]?.replace(/\r$/, '');
  if (written === undefined) return 0;
  const lineStart = lines.slice(0, line).join('\n').length + 1;
  return lineStart + written.length - length + column;
}
