/** A word longer than this is no slip of a known one; it also bounds the table below. */
const WORD_CHARS_MAX = 40;

/**
 * The known word that differs least, for "did you mean": at most two changes, and fewer than half
 * of its letters. A capital is no change. The first of equals.
 */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_CHARS_MAX) return undefined;
  const typed = word.toLowerCase();
  let best: string | undefined;
  let bestChanges = 3;
  for (const candidate of known) {
    const changes = countChanges(typed, candidate.toLowerCase());
    if (changes < bestChanges && changes * 2 < candidate.length) {
      best = candidate;
      bestChanges = changes;
    }
  }
  return best;
}

/**
 * Letters to insert, remove, replace or swap with their neighbour (the "optimal string alignment"
 * distance), by the usual table of prefixes.
 */
export function countChanges(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let changes = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        changes = Math.min(changes, beforeLast[j - 2]! + 1);
      }
      row.push(changes);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
