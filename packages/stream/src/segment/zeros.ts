let made: Buffer = Buffer.alloc(0);

/** So many zeros, to be written to files: of all who ask, so nobody may change them. */
export function zeros(bytes: number): Buffer {
  if (bytes > made.length) made = Buffer.alloc(bytes);
  return made.subarray(0, bytes);
}
