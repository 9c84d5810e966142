import { appendFileSync, renameSync, statSync } from 'node:fs';

/** A text file that is set aside once when it is full, so that two of it are all there ever is. */
export interface BoundedLogFile {
  readonly path: string;
  write(chunk: Buffer): void;
  /** The last bytes written through this object, for error texts. */
  tail(): string;
}

const TAIL_CHARACTERS = 4096;

/** `onError` hears of the first failure to write (a full disk); the tail is kept all the same. */
export function createBoundedLogFile(
  params: Readonly<{ path: string; bytesMax: number; onError: (error: unknown) => void }>,
): BoundedLogFile {
  const { path, bytesMax, onError } = params;
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  let tail = '';
  let failed = false;
  return {
    path,
    write: (chunk) => {
      tail = (tail + chunk.toString('utf8')).slice(-TAIL_CHARACTERS);
      try {
        if (size + chunk.length > bytesMax) {
          renameSync(path, `${path}.1`);
          size = 0;
        }
        appendFileSync(path, chunk, { mode: 0o640 });
        size += chunk.length;
        failed = false;
      } catch (error) {
        if (!failed) onError(error);
        failed = true;
      }
    },
    tail: () => tail,
  };
}
