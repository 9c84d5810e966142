import type { LabelSet } from '@millrace/model';
import { Uint32Column } from './column.ts';
import type { SymbolTable } from './symbol-table.ts';

/**
 * The names of label sets, as symbols: each list of them once. Very many series have the same
 * names, and of a million series they would be 40 MB beside as many values.
 */
export class NameLists {
  readonly #numbers = new Map<string, number>();
  readonly #names = new Uint32Column();
  /** Where each list starts; one more entry tells the end of the last. */
  readonly #starts = new Uint32Column();
  #last = 0;

  constructor() {
    this.#starts.push(0);
  }

  get bytesHeld(): number {
    const { byteLength } = this.#names.data;
    // Beside each the text by which it is found, which is about as long.
    return 2 * byteLength + this.#starts.data.byteLength;
  }

  /** The symbols of all lists, one list after the other. */
  get names(): Uint32Array {
    return this.#names.data;
  }

  start(list: number): number {
    return this.#starts.data[list]!;
  }

  /** The number of a label set's list. */
  numberOf(labels: LabelSet, symbols: SymbolTable): number {
    const ids = labels.map(([name]) => symbols.idOf(name));
    if (!this.#isList(this.#last, ids)) this.#last = this.#find(ids);
    return this.#last;
  }

  #isList(list: number, ids: readonly number[]): boolean {
    if (list + 1 >= this.#starts.length) return false;
    const start = this.start(list);
    if (this.start(list + 1) - start !== ids.length) return false;
    return ids.every((id, i) => this.names[start + i] === id);
  }

  #find(ids: readonly number[]): number {
    const key = ids.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const list = this.#numbers.size;
    this.#numbers.set(key, list);
    for (const id of ids) this.#names.push(id);
    this.#starts.push(this.#names.length);
    return list;
  }
}
