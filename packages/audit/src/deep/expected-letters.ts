import type { DeadLetterEntry, Entries } from '@millrace/wire';
import type { GoneLetters } from '../letters/gone-letters.ts';
import type { RefusedLetters } from '../letters/refused-letters.ts';
import { RowList } from '../rows/compare-rows.ts';
import type { SliceOf } from './expected-samples.ts';

export interface MissingLetter {
  partition: number;
  offset: number;
  entry: DeadLetterEntry;
}

/** Letters that the fold puts out, each held against what is stored as it comes. */
export class ExpectedLetters {
  readonly #of: SliceOf;
  readonly #letters: RefusedLetters;
  readonly #gone: GoneLetters;
  #partition = 0;
  rows = 0;
  readonly missing: RowList<MissingLetter> = new RowList();

  constructor(of: SliceOf, known: Readonly<{ letters: RefusedLetters; gone: GoneLetters }>) {
    this.#of = of;
    this.#letters = known.letters;
    this.#gone = known.gone;
  }

  begin(partition: number): void {
    this.#partition = partition;
  }

  take({ deadLetters }: Entries, offset: number): void {
    const { slices, slice } = this.#of;
    const partition = this.#partition;
    for (const entry of deadLetters) {
      const low = Buffer.from(entry.fingerprint.subarray(0, 8)).readUInt32BE(4);
      if (slices > 1 && low % slices !== slice) continue;
      if (this.#letters.ofFold.take(partition, entry)) this.rows += 1;
      else if (!this.#gone.takeOfFold(partition, entry.receivedAtUs)) {
        this.missing.add({ partition, offset, entry });
      }
    }
  }
}
