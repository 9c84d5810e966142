import { createHash, type Hash } from 'node:crypto';

/** A hash over everything that happened: equal seeds must give equal ones. */
export class Trace {
  readonly #hash: Hash = createHash('sha256');
  #pending: string[] = [];
  steps = 0;

  note(nowUs: number, what: string): void {
    this.steps += 1;
    if (this.#pending.push(`${nowUs} ${what}\n`) >= 256) this.#flush();
  }

  digest(): string {
    this.#flush();
    return this.#hash.copy().digest('hex');
  }

  #flush(): void {
    this.#hash.update(this.#pending.join(''));
    this.#pending = [];
  }
}
