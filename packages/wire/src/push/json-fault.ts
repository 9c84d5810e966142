/**
 * One that is not ended goes on to the end, whatever it has: looked for anew at each of its
 * quotation marks, one of a megabyte took minutes, and nobody else was answered.
 */
const TEXT = /"(?:[^"\\]|\\[^]?)*(?:"|$)/;

/**
 * Words that writers of other languages put, outside of texts, where JSON has none: Python's
 * `json.dumps` writes NaN and Infinity unless it is told not to.
 */
const WORD = /(?<![\w.])(?:-?Infinity|NaN|nan|-?inf|None|undefined|True|False)(?!\w)/;

const TEXT_OR_WORD = new RegExp(`${TEXT.source}|${WORD.source}`, 'g');

const INSTEAD: Readonly<Record<string, string>> = {
  NaN: 'write "NaN", with its quotation marks',
  Infinity: 'write "+Inf", with its quotation marks',
  '-Infinity': 'write "-Inf", with its quotation marks',
};

const SAME_AS: Readonly<Record<string, string>> = {
  nan: 'NaN',
  inf: 'Infinity',
  '-inf': '-Infinity',
};

/** What is wrong with a text that JSON.parse refused, as a clause, and at which byte if known. */
export function jsonFault(
  text: string,
  error: unknown,
): { what: string; atByte: number | undefined } {
  for (const { 0: found, index } of text.matchAll(TEXT_OR_WORD)) {
    if (found.startsWith('"')) continue;
    const instead = INSTEAD[SAME_AS[found] ?? found] ?? 'leave the field out';
    const atByte = Buffer.byteLength(text.slice(0, index));
    return { what: `${found} is no JSON: ${instead}`, atByte };
  }
  const what = error instanceof Error ? error.message : 'it is not JSON';
  return { what, atByte: undefined };
}
