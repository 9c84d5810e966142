/** Pages up to so many bytes of one commit have memory of their own. */
const PLAIN_BYTES_MAX = 8 * 1024 * 1024;
/**
 * Above 32 MiB the C library maps memory and gives it back; thousands of pages of some kilobytes
 * each would stay with the process for ever, scattered as they are, and of a large state they are
 * hundreds of megabytes. What is not written of a slab costs nothing.
 */
const SLAB_BYTES = 33 * 1024 * 1024;

/** Slabs that are kept for the next commit: as many as one of a quarter of a million series has. */
const SPARE_MAX = 2;

const spare: ArrayBuffer[] = [];
let taken = 0;
let slab: Uint8Array = new Uint8Array(0);
let slabEnd = 0;

/** The pages that follow are of one commit, however many they are. */
export function beginPages(): void {
  taken = 0;
  slab = new Uint8Array(0);
  slabEnd = 0;
}

/** A copy of a page that stays as it is. */
export function keepPage(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  taken += length;
  if (taken <= PLAIN_BYTES_MAX) return new Uint8Array(bytes);
  if (slabEnd + length > slab.length) {
    const known = length <= SLAB_BYTES ? spare.pop() : undefined;
    slab = new Uint8Array(known ?? new ArrayBuffer(Math.max(SLAB_BYTES, length)));
    slabEnd = 0;
  }
  const page = slab.subarray(slabEnd, slabEnd + length);
  page.set(bytes);
  slabEnd += length;
  return page;
}

/**
 * Nobody looks at these pages any more. Large commits follow one another all the time, and the
 * collector finds what is outside of its heap late: hundreds of megabytes would wait for it.
 */
export function givePagesBack(pages: Iterable<Uint8Array | undefined>): void {
  const slabs = new Set<ArrayBufferLike>();
  for (const page of pages) if (page?.buffer.byteLength === SLAB_BYTES) slabs.add(page.buffer);
  for (const buffer of slabs) {
    if (!(buffer instanceof ArrayBuffer) || spare.includes(buffer)) continue;
    if (spare.length < SPARE_MAX) spare.push(buffer);
  }
}
