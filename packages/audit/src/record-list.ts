/** Where the records that brought samples are, by numbers in the order in which they were read. */
export class RecordList {
  #partitions: Uint16Array = new Uint16Array(1024);
  #offsets: Float64Array = new Float64Array(1024);
  #size = 0;

  add(partition: number, offset: number): number {
    if (this.#size === this.#offsets.length) this.#grow();
    const record = this.#size;
    this.#size += 1;
    this.#partitions[record] = partition;
    this.#offsets[record] = offset;
    return record;
  }

  partition(record: number): number {
    return this.#partitions[record]!;
  }

  offset(record: number): number {
    return this.#offsets[record]!;
  }

  #grow(): void {
    const partitions = new Uint16Array(2 * this.#size);
    partitions.set(this.#partitions);
    this.#partitions = partitions;
    const offsets = new Float64Array(2 * this.#size);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
  }
}
