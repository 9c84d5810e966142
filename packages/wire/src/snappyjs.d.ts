declare module 'snappyjs' {
  /** Block format. @throws Error on malformed input or a claimed length above `lengthMax`. */
  export function uncompress(compressed: Uint8Array, lengthMax?: number): Uint8Array;
  export function compress(plain: Uint8Array): Uint8Array;
}
