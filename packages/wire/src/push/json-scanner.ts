import { DecodeError } from '../samples/decode-error.ts';

/*
 * Finds where JSON values end, without parsing them: a request is parsed one sample at a time,
 * so that no body becomes many times its size as objects. Only the outermost structure is
 * checked here; JSON.parse checks the rest.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The first byte at or behind `at` that is no white space, or `end`. */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && isSpace(bytes[next]!)) next += 1;
  return next;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * The end of the value that starts at `at`.
 *
 * @throws DecodeError `too_deep` beyond `depthMax` levels, `malformed_json` when it is cut off.
 */
export function skipValue(bytes: Uint8Array, at: number, end: number, depthMax: number): number {
  let depth = 0;
  let next = at;
  while (next < end) {
    const byte = bytes[next]!;
    if (byte === QUOTE) {
      next = skipString(bytes, next, end);
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1;
      if (depth > depthMax) {
        throw new DecodeError('too_deep', `more than ${depthMax} levels at byte ${next}`);
      }
      next += 1;
      continue;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (depth === 0) return next;
      depth -= 1;
      next += 1;
    } else if (depth === 0) {
      return skipScalar(bytes, next, end);
    } else {
      next += 1;
      continue;
    }
    if (depth === 0) return next;
  }
  if (depth === 0) return next;
  throw malformedJson('the JSON is cut off', end);
}

function skipScalar(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end) {
    const byte = bytes[next]!;
    if (byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || isSpace(byte)) break;
    next += 1;
  }
  return next;
}

function skipString(bytes: Uint8Array, at: number, end: number): number {
  for (let next = at + 1; next < end; next += 1) {
    const byte = bytes[next]!;
    if (byte === QUOTE) return next + 1;
    if (byte === BACKSLASH) next += 1;
  }
  throw malformedJson('a string is cut off', end);
}

/** Tells of every element of the array at `at`; returns where the array ends. */
export function eachElement(
  bytes: Uint8Array,
  at: number,
  end: number,
  depthMax: number,
  element: (start: number, end: number) => void,
): number {
  let next = skipSpace(bytes, at + 1, end);
  if (bytes[next] === CLOSE_ARRAY && next < end) return next + 1;
  for (;;) {
    const elementEnd = skipValue(bytes, next, end, depthMax);
    if (elementEnd === next) throw malformedJson('an element is missing', next);
    element(next, elementEnd);
    next = skipSpace(bytes, elementEnd, end);
    const byte = next < end ? bytes[next]! : undefined;
    if (byte === CLOSE_ARRAY) return next + 1;
    if (byte !== COMMA) throw malformedJson('"," or "]" is missing', next);
    next = skipSpace(bytes, next + 1, end);
  }
}

/** Tells of every member of the object at `at`; returns where the object ends. */
export function eachMember(
  bytes: Uint8Array,
  at: number,
  end: number,
  depthMax: number,
  member: (keyStart: number, valueStart: number, valueEnd: number) => void,
): number {
  let next = skipSpace(bytes, at + 1, end);
  if (bytes[next] === CLOSE_OBJECT && next < end) return next + 1;
  for (;;) {
    if (next >= end || bytes[next] !== QUOTE) throw malformedJson('a key is missing', next);
    const keyStart = next;
    const colon = skipSpace(bytes, skipString(bytes, next, end), end);
    if (colon >= end || bytes[colon] !== COLON) throw malformedJson('":" is missing', colon);
    const valueStart = skipSpace(bytes, colon + 1, end);
    const valueEnd = skipValue(bytes, valueStart, end, depthMax);
    if (valueEnd === valueStart) throw malformedJson('a value is missing', valueStart);
    member(keyStart, valueStart, valueEnd);
    next = skipSpace(bytes, valueEnd, end);
    const byte = next < end ? bytes[next]! : undefined;
    if (byte === CLOSE_OBJECT) return next + 1;
    if (byte !== COMMA) throw malformedJson('"," or "}" is missing', next);
    next = skipSpace(bytes, next + 1, end);
  }
}

export function isArrayAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === OPEN_ARRAY;
}

export function isObjectAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === OPEN_OBJECT;
}

export function malformedJson(what: string, at: number, cause?: unknown): DecodeError {
  return new DecodeError('malformed_json', `${what}, at byte ${at}`, cause);
}
