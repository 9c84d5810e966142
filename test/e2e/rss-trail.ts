import { figuresOf } from '../services/process-figures.ts';

const MIB = 1024 * 1024;
/** With fewer looks nothing can be said. */
const LOOKS_MIN = 200;
/** What a garbage collector that has no reason to hurry may leave. */
const GROWTH_BYTES_MAX = 64 * MIB;

/** Resident memory of one process, looked at again and again. */
export class RssTrail {
  readonly #pid: number;
  readonly #bytes: number[] = [];

  constructor(pid: number) {
    this.#pid = pid;
  }

  look(): void {
    const figures = figuresOf(this.#pid);
    if (figures !== undefined) this.#bytes.push(figures.rssBytes);
  }

  /** What it held at most in its second quarter is about what it holds at most in the last one. */
  faults(): string[] {
    const quarter = Math.floor(this.#bytes.length / 4);
    if (this.#bytes.length < LOOKS_MIN) return [];
    const before = Math.max(...this.#bytes.slice(quarter, 2 * quarter));
    const last = Math.max(...this.#bytes.slice(3 * quarter));
    if (last <= before + GROWTH_BYTES_MAX) return [];
    return [`process ${this.#pid} grew from ${mib(before)} to ${mib(last)}`];
  }

  /** `80 → 95 MiB, at most 97`. */
  describe(): string {
    const first = this.#bytes[0];
    if (first === undefined) return 'memory unknown';
    return `${mib(first)} → ${mib(this.#bytes.at(-1)!)}, at most ${mib(Math.max(...this.#bytes))}`;
  }
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
