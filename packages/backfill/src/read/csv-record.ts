const QUOTE = 0x22;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** One record of CSV (RFC 4180), and how many bytes it takes with the line end behind it. */
export interface CsvRecord {
  fields: string[];
  bytes: number;
  /** A quote that stands where none may. */
  strayQuote: boolean;
}

/**
 * The record that begins at `from`; undefined: its end is not there yet. Line ends within quotes
 * belong to the field.
 */
export function readCsvRecord(
  text: Buffer,
  from: number,
  { delimiter, isLast }: Readonly<{ delimiter: string; isLast: boolean }>,
): CsvRecord | undefined {
  const newline = text.indexOf(NEWLINE, from);
  const quote = text.indexOf(QUOTE, from);
  const isQuoted = quote >= 0 && (newline < 0 || quote < newline);
  if (isQuoted) return readQuoted(text, from, { delimiter, isLast });
  if (newline < 0 && !isLast) return undefined;
  const lineEnd = newline < 0 ? text.length : newline;
  const end = lineEnd > from && text[lineEnd - 1] === RETURN ? lineEnd - 1 : lineEnd;
  const fields = text.toString('utf8', from, end).split(delimiter);
  const bytes = lineEnd - from + (newline < 0 ? 0 : 1);
  return { fields, bytes, strayQuote: false };
}

function readQuoted(
  text: Buffer,
  from: number,
  { delimiter, isLast }: Readonly<{ delimiter: string; isLast: boolean }>,
): CsvRecord | undefined {
  const split = delimiter.charCodeAt(0);
  const fields: string[] = [];
  let strayQuote = false;
  let at = from;
  for (;;) {
    const field = text[at] === QUOTE ? quotedField(text, at) : plainField(text, at, split);
    if (field === undefined) return undefined;
    fields.push(field.value);
    strayQuote ||= field.strayQuote;
    at = field.end;
    if (at >= text.length) return isLast ? { fields, bytes: at - from, strayQuote } : undefined;
    if (text[at] === split) {
      at += 1;
      continue;
    }
    if (text[at] === RETURN && text[at + 1] === NEWLINE) at += 1;
    else if (text[at] === RETURN && at + 1 === text.length && !isLast) return undefined;
    if (text[at] === NEWLINE) return { fields, bytes: at + 1 - from, strayQuote };
    // Something behind a closing quote: the rest of the line is read as a field nobody asked for.
    strayQuote = true;
    at = endOfPlain(text, at, split);
  }
}

interface Field {
  value: string;
  end: number;
  strayQuote: boolean;
}

function plainField(text: Buffer, from: number, split: number): Field {
  const end = endOfPlain(text, from, split);
  const cut = end > from && text[end] === NEWLINE && text[end - 1] === RETURN ? end - 1 : end;
  const value = text.toString('utf8', from, cut);
  return { value, end, strayQuote: value.includes('"') };
}

function endOfPlain(text: Buffer, from: number, split: number): number {
  let at = from;
  while (at < text.length && text[at] !== split && text[at] !== NEWLINE) at += 1;
  return at;
}

/** Undefined: its closing quote is not there. */
function quotedField(text: Buffer, from: number): Field | undefined {
  const pieces: string[] = [];
  let at = from + 1;
  for (;;) {
    const quote = text.indexOf(QUOTE, at);
    // Whether it is followed by another one has to be known.
    if (quote < 0) return undefined;
    pieces.push(text.toString('utf8', at, quote));
    if (text[quote + 1] !== QUOTE) {
      return { value: pieces.join('"'), end: quote + 1, strayQuote: false };
    }
    at = quote + 2;
  }
}
