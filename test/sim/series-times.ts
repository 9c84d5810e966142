/**
 * What a series remembers, as the design says it: its newest N times, the floor below them, and
 * values of all there ever were, because a test may.
 */
export class SeriesTimes {
  readonly #rememberedMax: number;
  readonly #values = new Map<number, number>();
  #remembered: number[] = [];
  floorUs = -Infinity;

  constructor(rememberedMax: number) {
    this.#rememberedMax = rememberedMax;
  }

  has(timeUs: number): boolean {
    return this.#values.has(timeUs);
  }

  /** The value of the first sample that had this time. */
  valueOf(timeUs: number): number | undefined {
    return this.#values.get(timeUs);
  }

  /** A sample that is new. Below the floor it filled a gap, and nothing else changes. */
  add(timeUs: number, value: number): void {
    this.#values.set(timeUs, value);
    if (timeUs <= this.floorUs) return;
    this.#remembered = [...this.#remembered, timeUs].sort((a, b) => a - b);
    if (this.#remembered.length > this.#rememberedMax) this.floorUs = this.#remembered.shift()!;
  }
}
