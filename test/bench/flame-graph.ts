import type { Call } from './cpu-profile.ts';

const WIDTH_PX = 1200;
const ROW_PX = 18;
/** Narrower ones would hardly be seen. */
const WIDTH_PX_MIN = 0.5;
const CHAR_PX = 6.6;

/**
 * A call tree as SVG: every function as wide as the time it took with all it called, below the one
 * that called it; a browser shows each one's name and time when it is pointed at.
 */
export function flameGraph(root: Call, title: string): string {
  const boxes: string[] = [];
  let depthMax = 0;
  const draw = (call: Call, x: number, depth: number): void => {
    const width = (call.totalUs / root.totalUs) * WIDTH_PX;
    if (width < WIDTH_PX_MIN) return;
    depthMax = Math.max(depthMax, depth);
    boxes.push(box(call, root.totalUs, { x, y: (depth + 2) * ROW_PX, width }));
    let at = x;
    for (const child of call.calls.toSorted((a, b) => b.totalUs - a.totalUs)) {
      draw(child, at, depth + 1);
      at += (child.totalUs / root.totalUs) * WIDTH_PX;
    }
  };
  draw(root, 0, 0);
  const height = (depthMax + 4) * ROW_PX;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH_PX} ${height}"`,
    ` width="${WIDTH_PX}" height="${height}" font-family="monospace" font-size="11">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="4" y="${ROW_PX}" font-size="14">${escaped(title)}</text>`,
    ...boxes,
    '</svg>\n',
  ].join('\n');
}

function box(
  { name, selfUs, totalUs }: Call,
  allUs: number,
  { x, y, width }: Readonly<{ x: number; y: number; width: number }>,
): string {
  const percent = (us: number): string => `${((us / allUs) * 100).toFixed(1)} %`;
  const shown = name.slice(0, Math.max(0, Math.floor(width / CHAR_PX) - 1));
  const place = `x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW_PX - 1}"`;
  return (
    `<g><title>${escaped(name)}: ${percent(totalUs)}, itself ${percent(selfUs)}</title>` +
    `<rect ${place} fill="${colourOf(name)}"/>` +
    `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escaped(shown)}</text></g>`
  );
}

/** The same name has the same colour; garbage stands out. */
function colourOf(name: string): string {
  if (name === '(garbage collector)') return 'hsl(0 70% 70%)';
  let hash = 0;
  for (const char of name) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0;
  return `hsl(${25 + (hash % 40)} 80% ${62 + (hash % 17)}%)`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
