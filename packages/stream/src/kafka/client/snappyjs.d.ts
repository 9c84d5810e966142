declare module 'snappyjs' {
  /** `maxLength`: larger contents are refused. */
  export function uncompress(compressed: Uint8Array, maxLength?: number): Uint8Array;
  export function compress(uncompressed: Uint8Array): Uint8Array;
}
