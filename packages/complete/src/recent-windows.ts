/** Windows that are noted one by one: samples that came within seconds go into few. */
const STARTS_MAX = 64;

/**
 * Windows of one output series and width that samples came to just now, by their start. Where they
 * are very many, those between others of them count as well.
 */
export class RecentWindows {
  readonly #starts = new Set<number>();
  #fromUs = Infinity;
  #toUs = -Infinity;

  note(startUs: number): void {
    if (this.#starts.has(startUs)) return;
    if (this.#starts.size < STARTS_MAX) {
      this.#starts.add(startUs);
      return;
    }
    this.#fromUs = Math.min(this.#fromUs, startUs);
    this.#toUs = Math.max(this.#toUs, startUs);
  }

  has(startUs: number): boolean {
    return this.#starts.has(startUs) || (this.#fromUs <= startUs && startUs <= this.#toUs);
  }
}
