import { Uint32Column } from './column.ts';
import type { SeriesNumber, SeriesTable } from './series-table.ts';

/** When the labels of a series that the log holds are sent all the same. */
export interface DefinitionSettings {
  /** They were sent so long ago. */
  definitionIntervalMs: number;
  /** So many others went to the same partition since. */
  definitionsBetweenMax: number;
}

/**
 * Which series of one partition the log is believed to have the labels of. Only what a record of
 * this instance said that was acknowledged is believed: it lies at a lower offset than whatever is
 * appended now. Intervals end at different times for different series, so that not all of a
 * partition are defined at once.
 */
export class LaneDefinitions {
  readonly #table: SeriesTable;
  readonly #intervalUs: number;
  readonly #betweenMax: number;
  #nowUs = 0;
  #believes = true;
  /** Definitions that were put into drafts of this partition so far; also of those that failed. */
  #count = 0;
  /** The series that the part which is being filled defines, and that may be believed then. */
  readonly #defined = new Uint32Column();

  constructor(params: Readonly<{ table: SeriesTable; settings: DefinitionSettings }>) {
    this.#table = params.table;
    this.#intervalUs = params.settings.definitionIntervalMs * 1000;
    this.#betweenMax = params.settings.definitionsBetweenMax;
  }

  /** A request begins; of one that `definesAll` nothing is left out, and nothing is believed. */
  begin(nowUs: number, definesAll: boolean): void {
    this.#nowUs = nowUs;
    this.#believes = !definesAll;
    this.#defined.length = 0;
  }

  /** Whether the labels may be left out of the part that is being filled. */
  isKnown(series: SeriesNumber): boolean {
    const until = this.#table.definedUntil[series]!;
    if (this.#nowUs >= until || !this.#believes) return false;
    // A clock that was set back must not make it longer.
    if (until - this.#nowUs > this.#intervalUs) return false;
    return this.#count - this.#table.definedAfter[series]! < this.#betweenMax;
  }

  /** The part defines a series with times of its own. */
  defines(series: SeriesNumber): void {
    if (this.#believes) this.#defined.push(series);
  }

  /** Numbers get another meaning: what the part defines so far is not believed. */
  forget(): void {
    this.#defined.length = 0;
  }

  /**
   * The part is full and has `definitions`; what to do when it is acknowledged. Until then, and
   * when it never is, nothing is believed of it.
   */
  seal(definitions: number): (() => void) | undefined {
    const after = this.#count;
    this.#count += definitions;
    if (this.#defined.length === 0) return undefined;
    const table = this.#table;
    const { generation } = table;
    const defined = this.#defined.view().slice();
    const nowUs = this.#nowUs;
    this.#defined.length = 0;
    return () => {
      if (table.generation !== generation) return;
      for (const series of defined) {
        table.definedUntil[series] = nowUs + this.#intervalOf(series);
        table.definedAfter[series] = after;
      }
    };
  }

  /** Between three quarters and the whole of the interval, always the same for a series. */
  #intervalOf(series: SeriesNumber): number {
    const share = this.#table.fingerprints[series * 4]! / 2 ** 32;
    return this.#intervalUs * (1 - share / 4);
  }
}
