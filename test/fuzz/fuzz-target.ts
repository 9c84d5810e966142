import type * as fc from 'fast-check';

/** An input that a reader must accept. */
export interface SoundInput {
  bytes: Uint8Array;
  /** Throws when what was read is not what was written. */
  check: (value: unknown) => void;
}

/** What became of one input. */
export type Outcome = Readonly<{ value: unknown }> | Readonly<{ refusal: Error }>;

/** One reader of bytes that others may have written, and what must hold for it. */
export interface FuzzTarget {
  /** Lower case with dashes: it names files. */
  name: string;
  /** Reads as the product does, down to every value. */
  read: (bytes: Uint8Array) => unknown;
  /** Whether an error is the one that the reader declares. Any other is a crash. */
  isRefusal: (error: unknown) => boolean;
  /** Inputs with the structure of real ones. */
  sound: fc.Arbitrary<SoundInput>;
  /** Byte strings that matter in the format, for mutations to put in. */
  words?: readonly Uint8Array[];
  /** Changes one value of the structure; the numbers choose which, and what is there instead. */
  warp?: (bytes: Uint8Array, place: number, lie: number) => Uint8Array;
  /** Sets the checks of a mutated input anew, so that what lies behind them is reached. */
  seal?: (bytes: Uint8Array) => Uint8Array;
  /** Throws when what was made of the bytes contradicts another reader, or itself. */
  agree?: (bytes: Uint8Array, outcome: Outcome) => void | Promise<void>;
  /** What reading n bytes may allocate: n × perByte + fixedBytes. */
  memory: Readonly<{ perByte: number; fixedBytes: number }>;
  /** Longer inputs are cut: for a reader that takes its time, in proportion to the length. */
  bytesMax?: number;
  /** Inputs of one run with a fixed seed, about as many as fit into a second. */
  runs: number;
}

/** The property that an input broke. */
export type BrokenProperty = 'crash' | 'slow' | 'memory' | 'round-trip' | 'agree' | 'hang';

export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';
  readonly property: BrokenProperty;

  constructor(property: BrokenProperty, detail: string, cause?: unknown) {
    super(`${property}: ${detail}`, { cause });
    this.property = property;
  }
}
