/** So many bytes and more the C library always maps, and gives back to the system at once. */
const MAPPED_BYTES = 33 * 1024 * 1024;
/** More than that is asked for as if it were so many: what is not written of them costs nothing. */
const LARGE_BYTES = 16 * 1024 * 1024;

/**
 * How many numbers of so many bytes to make room for where `length` are needed, or more of them.
 * Up to 32 MiB the largest piece that was ever given back decides for the whole process what the C
 * library maps, and twice as much free memory then stays at the end of what each thread has: of a
 * dozen threads, hundreds of megabytes for good.
 */
export function mappedLength(length: number, bytesEach: number): number {
  const bytes = length * bytesEach;
  const isBetween = bytes > LARGE_BYTES && bytes < MAPPED_BYTES;
  return isBetween ? Math.floor(MAPPED_BYTES / bytesEach) : length;
}
