import { assembleModule } from '../wasm/assemble-module.ts';
import { uncompressFunction } from '../wasm/uncompress-function.ts';
import { expectedSeriesFunction } from './expected-series-function.ts';

/** A memory that grows in place. */
export interface WasmMemory {
  /** Another one after each `grow`; the one before has no bytes any more. */
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The functions on one memory: see where each is written. */
export interface KeyFunctions {
  uncompress(at: number, end: number, to: number, limit: number): number;
  expectedSeries(
    at: number,
    end: number,
    key: number,
    samplesMax: number,
    numbers: number,
    times: number,
    values: number,
  ): number;
}

export const WASM_PAGE_BYTES = 65_536;
/** Four gibibytes: addresses have 32 bits. */
export const WASM_PAGES_MAX = 65_536;

interface Engine {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Memory: new (limits: Readonly<{ initial: number; maximum: number }>) => WasmMemory;
  Instance: new (
    module: object,
    imports: Readonly<{ of: Readonly<{ memory: WasmMemory }> }>,
  ) => Readonly<{ exports: KeyFunctions }>;
}

/** Of Node; the library we compile to does not tell of it. */
declare const WebAssembly: Engine | undefined;

const FUNCTIONS = [uncompressFunction, expectedSeriesFunction];

let compiled: object | undefined;

/**
 * A memory and the functions on it; undefined where there is no WebAssembly (`--jitless`), none
 * with 128 bits (processors of before 2008), or no room for it among the addresses. Whoever asks
 * does without then.
 */
export function keyFunctions(
  pages: number,
): Readonly<{ memory: WasmMemory; functions: KeyFunctions }> | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  try {
    compiled ??= new WebAssembly.Module(assembleModule(FUNCTIONS));
    const memory = new WebAssembly.Memory({ initial: pages, maximum: WASM_PAGES_MAX });
    const { exports } = new WebAssembly.Instance(compiled, { of: { memory } });
    return { memory, functions: exports };
  } catch {
    return undefined;
  }
}
