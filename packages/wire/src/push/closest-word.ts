const DISTANCE_MAX = 2;
const LENGTH_MAX = 32;

/** The word that was probably meant, or undefined when none is near. */
export function closestWord(word: string, words: readonly string[]): string | undefined {
  if (word.length > LENGTH_MAX) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = DISTANCE_MAX + 1;
  for (const candidate of words) {
    const distance = editDistance(lower, candidate);
    // Two edits turn any short word into any other.
    if (distance < bestDistance && distance < candidate.length - 1) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance: insertions, deletions and substitutions that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
