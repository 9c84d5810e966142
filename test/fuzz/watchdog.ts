import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { repositoryRoot } from '../services/repository.ts';
import { failedDirectory } from './kept-inputs.ts';
import { INPUT_BYTES_MAX } from './mutations.ts';

const HANG_MS = 20_000;
/** Far more than any input may take on top of what a test runner does. */
const RSS_BYTES_MAX = 3 * 1024 ** 3;
const NAME_BYTES_MAX = 256;

/** Ends this process, with the input written down, when reading one never ends. */
export class Watchdog {
  readonly #state = new Int32Array(new SharedArrayBuffer(16));
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(2 * INPUT_BYTES_MAX + NAME_BYTES_MAX));
  readonly #worker: Worker;
  #count = 0;

  constructor() {
    this.#worker = new Worker(join(repositoryRoot, 'test', 'fuzz', 'watchdog.mjs'), {
      workerData: {
        head: this.#state.buffer,
        input: this.#bytes.buffer,
        directory: failedDirectory,
        hangMs: HANG_MS,
        rssBytesMax: RSS_BYTES_MAX,
      },
    });
    this.#worker.unref();
  }

  /** Reading of these bytes begins. */
  begin(name: string, bytes: Uint8Array): void {
    const kept = bytes.subarray(0, 2 * INPUT_BYTES_MAX);
    const nameBytes = Buffer.from(name);
    this.#bytes.set(kept);
    this.#bytes.set(nameBytes, kept.length);
    this.#count = (this.#count + 1) | 0;
    Atomics.store(this.#state, 2, kept.length);
    Atomics.store(this.#state, 3, nameBytes.length);
    Atomics.store(this.#state, 1, this.#count);
    Atomics.store(this.#state, 0, 1);
  }

  /** It ended. */
  end(): void {
    Atomics.store(this.#state, 0, 0);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
