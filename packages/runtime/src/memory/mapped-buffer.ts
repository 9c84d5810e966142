/** So many bytes and more the C library always maps, and gives back to the system at once. */
const MAPPED_BYTES = 33 * 1024 * 1024;
const PLAIN_BYTES_MAX = 1024 * 1024;

/**
 * Memory of so many bytes or more, for what is kept and grows. Up to 32 MiB the largest piece that
 * was ever given back decides for the whole process what the C library maps: anything smaller is
 * taken from what each thread has, leaves holes there when it grows, and twice as much free memory
 * stays at the end of that. So what is between is as large as what is mapped: what is not written
 * of it costs nothing.
 */
export function mappedBuffer(bytes: number): ArrayBuffer {
  const isBetween = bytes > PLAIN_BYTES_MAX && bytes < MAPPED_BYTES;
  return new ArrayBuffer(isBetween ? MAPPED_BYTES : bytes);
}
