import { flatten, Local, unsigned, type Code, type ValueType } from './code.ts';

/** One function of a module. All of its parameters are i32, and so is its result. */
export interface WasmFunction {
  readonly name: string;
  readonly params: number;
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** Parameters in the order in which it is called with them, and locals, which begin as 0. */
interface VariableNames {
  readonly params: readonly string[];
  readonly locals: Readonly<Record<string, ValueType>>;
}

export type VariablesOf<Names extends VariableNames> = Readonly<
  Record<Names['params'][number] | (keyof Names['locals'] & string), Local>
>;

/** A function whose variables have names. */
export function wasmFunction<const Names extends VariableNames>(
  name: string,
  names: Names,
  body: (variables: VariablesOf<Names>) => Code,
): WasmFunction {
  const { params, locals } = names;
  const all = [...params, ...Object.keys(locals)].map((one, index) => [one, new Local(index)]);
  return {
    name,
    params: params.length,
    locals: Object.values(locals),
    body: body(Object.fromEntries(all) as VariablesOf<Names>),
  };
}

const VALUE_TYPES = { i32: 0x7f, i64: 0x7e } as const;
const FUNCTION = 0x60;

/**
 * The bytes of a module (https://webassembly.github.io/spec/core/binary/modules.html) that exports
 * these functions and imports its memory as `of.memory`. They follow from the arguments alone.
 */
export function assembleModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ params }) => [
    FUNCTION,
    vector(Array.from({ length: params }, () => [VALUE_TYPES.i32])),
    vector([[VALUE_TYPES.i32]]),
  ]);
  const exported = functions.map(({ name }, index) => [text(name), 0, unsigned(index)]);
  const bodies = functions.map(({ locals, body }) => {
    const declared = vector(locals.map((type) => [1, VALUE_TYPES[type]]));
    const bytes = flatten([declared, body, 0x0b]);
    return [unsigned(bytes.length), bytes];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([[text('of'), text('memory'), 2, 0, 1]])),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(7, vector(exported)),
    ...section(10, vector(bodies)),
  ]);
}

function section(id: number, content: Code): number[] {
  const bytes = flatten(content);
  return [id, ...unsigned(bytes.length), ...bytes];
}

function vector(items: readonly Code[]): Code {
  return [unsigned(items.length), items];
}

function text(characters: string): Code {
  return vector([...Buffer.from(characters, 'utf8')]);
}
