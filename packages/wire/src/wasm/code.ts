/*
 * WebAssembly instructions (https://webassembly.github.io/spec/core/binary/instructions.html) as
 * functions that give their bytes: those few that our code uses. An operand is the code that puts
 * it onto the stack, so that what is written reads like an expression.
 */

/** Bytes of instructions, nested as they were put together. */
export type Code = number | Scope | Branch | readonly Code[];

export type ValueType = 'i32' | 'i64';

/** A block or a loop: branches name it, and their depth follows from where they stand. */
interface Scope {
  readonly opcode: number;
  readonly label: symbol;
  readonly body: Code;
}

interface Branch {
  readonly to: symbol;
}

/** A parameter or a local variable of a function. */
export class Local {
  readonly get: Code;
  readonly #index: number;

  constructor(index: number) {
    this.#index = index;
    this.get = [0x20, unsigned(index)];
  }

  set(value: Code): Code {
    return [value, 0x21, unsigned(this.#index)];
  }

  /** Adds to it, as a number of 32 bits. */
  add(value: Code): Code {
    return this.set(i32.add(this.get, value));
  }
}

/** Branches to `out` go on behind it. */
export function block(body: (out: symbol) => Code): Code {
  const label = Symbol();
  return { opcode: 0x02, label, body: body(label) };
}

/** Branches to `again` begin it anew; it ends where none is taken. */
export function loop(body: (again: symbol) => Code): Code {
  const label = Symbol();
  return { opcode: 0x03, label, body: body(label) };
}

export function when(condition: Code, body: Code): Code {
  return [condition, { opcode: 0x04, label: Symbol(), body }];
}

export function branch(to: symbol): Code {
  return [0x0c, { to }];
}

export function branchIf(to: symbol, condition: Code): Code {
  return [condition, 0x0d, { to }];
}

export function returns(value: Code): Code {
  return [value, 0x0f];
}

/** The first of two values of the same type where the condition is not 0, else the second. */
export function select(first: Code, second: Code, condition: Code): Code {
  return [first, second, condition, 0x1b];
}

type Binary = (a: Code, b: Code) => Code;
type Unary = (a: Code) => Code;
/** `offset` is added to the address and known beforehand. */
type Load = (address: Code, offset?: number) => Code;
type Store = (address: Code, value: Code, offset?: number) => Code;

export const i32: Readonly<
  Record<'add' | 'sub' | 'and' | 'or' | 'shl' | 'shrU', Binary> &
    Record<'eq' | 'ne' | 'ltU' | 'gtU' | 'geU', Binary> &
    Record<'load' | 'load8' | 'load16', Load>
> & { is: (value: number) => Code; isZero: Unary; fromI64: Unary; store: Store; store8: Store } = {
  is: (value) => [0x41, signed(BigInt(value))],
  isZero: (a) => [a, 0x45],
  eq: binary(0x46),
  ne: binary(0x47),
  ltU: binary(0x49),
  gtU: binary(0x4b),
  geU: binary(0x4f),
  add: binary(0x6a),
  sub: binary(0x6b),
  and: binary(0x71),
  or: binary(0x72),
  shl: binary(0x74),
  shrU: binary(0x76),
  fromI64: (a) => [a, 0xa7],
  load: load([0x28]),
  load8: load([0x2d]),
  load16: load([0x2f]),
  store: store([0x36]),
  store8: store([0x3a]),
};

export const i64: Readonly<Record<'eq' | 'ne' | 'and' | 'or' | 'shrU', Binary>> & {
  is: (value: bigint) => Code;
  load: Load;
  store: Store;
} = {
  is: (value) => [0x42, signed(value)],
  eq: binary(0x51),
  ne: binary(0x52),
  and: binary(0x83),
  or: binary(0x84),
  shrU: binary(0x88),
  load: load([0x29]),
  store: store([0x37]),
};

export const f64: {
  fromI64: Unary;
  mul: Binary;
  is: (value: number) => Code;
  store: Store;
} = {
  /** Of a number that is not negative. */
  fromI64: (a) => [a, 0xba],
  mul: binary(0xa2),
  is: (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return [0x44, [...bytes]];
  },
  store: store([0x39]),
};

/** Sixteen bytes at once. */
export const v128: { load: Load; store: Store; differ: Binary } = {
  load: load([0xfd, 0x00]),
  store: store([0xfd, 0x0b]),
  /** Whether any bit does: `any_true` of `xor`. */
  differ: (a, b) => [a, b, 0xfd, 0x51, 0xfd, 0x53],
};

function binary(opcode: number): Binary {
  return (a, b) => [a, b, opcode];
}

// Nothing is promised of alignment: that is the 0 in front of the offset.
function load(opcode: readonly number[]): Load {
  return (address, offset = 0) => [address, opcode, 0, unsigned(offset)];
}

function store(opcode: readonly number[]): Store {
  return (address, value, offset = 0) => [address, value, opcode, 0, unsigned(offset)];
}

/** LEB128 of a number that is not negative. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const byte = Number(rest & 0x7fn);
    const isLast = (rest >> 7n === 0n && byte < 0x40) || (rest >> 7n === -1n && byte >= 0x40);
    if (isLast) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

/** The bytes in a row. */
export function flatten(code: Code): number[] {
  const bytes: number[] = [];
  append(code, { bytes, scopes: [] });
  return bytes;
}

/** `scopes` are those that the code stands in, the outermost first. */
function append(code: Code, into: Readonly<{ bytes: number[]; scopes: symbol[] }>): void {
  const { bytes, scopes } = into;
  if (typeof code === 'number') {
    bytes.push(code);
  } else if ('to' in code) {
    bytes.push(...unsigned(scopes.length - 1 - scopes.lastIndexOf(code.to)));
  } else if ('label' in code) {
    // It leaves nothing on the stack, and ends.
    bytes.push(code.opcode, 0x40);
    scopes.push(code.label);
    append(code.body, into);
    scopes.pop();
    bytes.push(0x0b);
  } else {
    for (const part of code) append(part, into);
  }
}
