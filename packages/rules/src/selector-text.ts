/** Where and why a text is not a selector. */
export interface SelectorFault {
  /** Counted from 1 in UTF-16 units of the selector's text. */
  column: number;
  message: string;
  remedy: string;
}

/** Thrown inside the parser only: `parseSelector` turns it into a value. */
export class SelectorFaultError extends Error {
  readonly fault: SelectorFault;

  constructor(offset: number, message: string, remedy: string) {
    super(message);
    this.fault = { column: offset + 1, message, remedy };
  }
}

const SIMPLE_ESCAPES: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
  ['\\', 92],
]);
/** Digits that follow the letter, and whether they name a code point rather than a byte. */
const HEX_ESCAPES: ReadonlyMap<string, { digits: number; isCodePoint: boolean }> = new Map([
  ['x', { digits: 2, isCodePoint: false }],
  ['u', { digits: 4, isCodePoint: true }],
  ['U', { digits: 8, isCodePoint: true }],
]);
const ESCAPES = 'Escapes are \\a \\b \\f \\n \\r \\t \\v \\\\, the quote, \\ooo, \\xhh, \\uhhhh.';

/** The words of a selector's text, read one after the other. */
export class SelectorText {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get at(): number {
    return this.#at;
  }

  /** The next character after white space and comments; empty at the end. */
  peek(): string {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
    return this.#text.charAt(this.#at);
  }

  /** Takes the word if it comes next. */
  take(word: string): boolean {
    this.peek();
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  /** Takes what the sticky pattern matches; empty when it does not. */
  takePattern(pattern: RegExp): string {
    this.peek();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  /** A string in any of the three quotes; undefined when none comes next. */
  takeString(): string | undefined {
    const quote = this.peek();
    if (quote !== '"' && quote !== "'" && quote !== '`') return undefined;
    const start = this.#at;
    this.#at += 1;
    const bytes: number[] = [];
    for (;;) {
      const from = this.#at;
      while (!this.#stopsAt(quote)) this.#at += 1;
      bytes.push(...Buffer.from(this.#text.slice(from, this.#at), 'utf8'));
      const stop = this.#text.charAt(this.#at);
      if (stop !== quote && stop !== '\\') {
        this.fail(start, 'The string does not end.', `Close it with ${quote} on the same line.`);
      }
      this.#at += 1;
      if (stop === quote) return this.#decoded(start, bytes);
      this.#takeEscape(quote, bytes);
    }
  }

  fail(at: number, message: string, remedy: string): never {
    throw new SelectorFaultError(at, message, remedy);
  }

  #stopsAt(quote: string): boolean {
    if (this.#at >= this.#text.length) return true;
    const next = this.#text.charAt(this.#at);
    return next === quote || (quote !== '`' && (next === '\\' || next === '\n'));
  }

  /** The backslash is taken already. */
  #takeEscape(quote: string, bytes: number[]): void {
    const start = this.#at - 1;
    const letter = this.#text.charAt(this.#at);
    const simple = letter === quote ? quote.charCodeAt(0) : SIMPLE_ESCAPES.get(letter);
    if (simple !== undefined) {
      this.#at += 1;
      bytes.push(simple);
      return;
    }
    const hex = HEX_ESCAPES.get(letter);
    if (hex === undefined) {
      const value = Number.parseInt(this.#takeDigits(start, OCTAL_DIGITS), 8);
      if (value > 255) this.fail(start, 'An octal escape ends at \\377.', ESCAPES);
      bytes.push(value);
      return;
    }
    this.#at += 1;
    const pattern = new RegExp(`[0-9A-Fa-f]{${hex.digits}}`, 'y');
    const value = Number.parseInt(this.#takeDigits(start, pattern), 16);
    if (!hex.isCodePoint) bytes.push(value);
    else if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
      this.fail(start, 'This escape is not a character of Unicode.', ESCAPES);
    } else bytes.push(...Buffer.from(String.fromCodePoint(value), 'utf8'));
  }

  #takeDigits(start: number, pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const digits = pattern.exec(this.#text)?.[0];
    if (digits === undefined) this.fail(start, 'This escape is not known.', ESCAPES);
    this.#at += digits.length;
    return digits;
  }

  #decoded(start: number, bytes: readonly number[]): string {
    try {
      return UTF8.decode(Uint8Array.from(bytes));
    } catch {
      const remedy = 'Labels are UTF-8: write the character itself, or \\u and its four digits.';
      return this.fail(start, 'The bytes of this string are not UTF-8.', remedy);
    }
  }
}

const SPACE = /(?:[ \t\r\n]|#[^\n]*)*/y;
const OCTAL_DIGITS = /[0-7]{3}/y;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
