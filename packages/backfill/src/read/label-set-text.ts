import type { Label } from '@millrace/model';

const PAIR = /\s*(?:([A-Za-z_][\w]*)|("(?:[^"\\]|\\.)*"))\s*=\s*("(?:[^"\\]|\\.)*")\s*(,|\})/y;
const ESCAPE = /\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/g;
const SIMPLE: ReadonlyMap<string, string> = new Map([
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
  ['"', '"'],
  ["'", "'"],
]);

/**
 * Labels as Prometheus prints them, `{__name__="up", "other name"="x"}`, with the quotes and
 * escapes of Go. A text: what is wrong with them.
 */
export function readLabelSet(text: string): Label[] | string {
  const labels: Label[] = [];
  if (/^\{\s*\}$/.test(text)) return labels;
  PAIR.lastIndex = 1;
  for (;;) {
    const at = PAIR.lastIndex;
    const match = PAIR.exec(text);
    if (match === null) return `the labels cannot be read from character ${at + 1} on`;
    const [, plain, quoted, value, end] = match;
    const name = plain ?? unquote(quoted!);
    const read = unquote(value!);
    if (name === undefined || read === undefined) {
      return `the quoted text at character ${at + 1} has an escape that there is not`;
    }
    labels.push([name, read]);
    if (end === '}') return PAIR.lastIndex === text.length ? labels : 'more is behind the labels';
  }
}

/** Undefined: it is none of Go's. Bytes (\x80) that make up UTF-8 are read as such. */
function unquote(quoted: string): string | undefined {
  const inner = quoted.slice(1, -1);
  if (!inner.includes('\\')) return inner;
  let isSound = true;
  const pieces: Buffer[] = [];
  let from = 0;
  for (const match of inner.matchAll(ESCAPE)) {
    const escape = match[0];
    pieces.push(Buffer.from(inner.slice(from, match.index)));
    from = match.index + escape.length;
    const bytes = unescape(escape.slice(1));
    if (bytes === undefined) isSound = false;
    else pieces.push(bytes);
  }
  pieces.push(Buffer.from(inner.slice(from)));
  return isSound ? Buffer.concat(pieces).toString('utf8') : undefined;
}

function unescape(escape: string): Buffer | undefined {
  const simple = SIMPLE.get(escape);
  if (simple !== undefined) return Buffer.from(simple);
  if (escape.length === 1) return undefined;
  if (/^[0-7]/.test(escape)) return Buffer.of(Number.parseInt(escape, 8) & 0xff);
  const code = Number.parseInt(escape.slice(1), 16);
  if (escape.startsWith('x')) return Buffer.of(code);
  return code <= 0x10ffff ? Buffer.from(String.fromCodePoint(code)) : undefined;
}
