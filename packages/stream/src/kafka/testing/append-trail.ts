import { TOPIC_EVENTS, type Producer, type Stream } from '../../stream.ts';

/** What became of each append of a run, to be held against the log afterwards. */
export class AppendTrail {
  readonly #producer: Producer;
  readonly #partitions: number;
  /** By text: the offset that was acknowledged. */
  readonly #acknowledged = new Map<string, { partition: number; offset: number }>();
  readonly #rejected = new Map<string, unknown>();
  #next = 0;

  constructor(stream: Stream) {
    this.#producer = stream.producer();
    this.#partitions = stream.partitions;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  get rejected(): readonly unknown[] {
    return [...this.#rejected.values()];
  }

  /** Appends numbered records to all partitions, `width` at a time, until `isOver` says so. */
  async appendUntil(isOver: () => boolean, width = 16): Promise<void> {
    await Promise.all(
      Array.from({ length: width }, async () => {
        while (!isOver()) await this.append();
      }),
    );
  }

  async append(): Promise<void> {
    const number = this.#next;
    this.#next += 1;
    const partition = number % this.#partitions;
    const text = `${partition}: record ${number}`;
    try {
      const payload = new TextEncoder().encode(text.padEnd(200 + (number % 7) * 100, '.'));
      const { offset } = await this.#producer.append(TOPIC_EVENTS, partition, payload);
      this.#acknowledged.set(text, { partition, offset });
    } catch (error) {
      this.#rejected.set(text, error);
    }
  }

  /**
   * What is wrong with the log. Nothing when every acknowledged record is there, once, at its
   * offset, what was rejected at most once, and nothing else; and when acknowledged ones follow in
   * the order of the calls, which numbers them.
   */
  async findFaults(stream: Stream): Promise<string[]> {
    const faults: string[] = [];
    let found = 0;
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      const seen = new Set<string>();
      let newest = -1;
      for (const { offset, text } of await readTexts(stream, partition)) {
        if (seen.has(text)) faults.push(`"${text}" is there twice`);
        seen.add(text);
        const acknowledged = this.#acknowledged.get(text);
        if (acknowledged === undefined) {
          if (!this.#rejected.has(text)) faults.push(`"${text}" was never appended`);
          continue;
        }
        if (acknowledged.partition !== partition || acknowledged.offset !== offset) {
          faults.push(`"${text}" is at ${offset}, and not at ${acknowledged.offset}`);
        }
        const number = Number(text.slice(text.lastIndexOf(' ') + 1));
        if (number <= newest) faults.push(`"${text}" comes late`);
        newest = number;
        found += 1;
      }
    }
    const missing = this.#acknowledged.size - found;
    if (missing !== 0) faults.push(`${missing} acknowledged records are missing`);
    return faults;
  }
}

/** Every record of a partition of events, without its padding. */
export async function readTexts(
  stream: Stream,
  partition: number,
): Promise<{ offset: number; text: string }[]> {
  const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
  const reader = stream.reader(TOPIC_EVENTS, partition, start);
  const texts: { offset: number; text: string }[] = [];
  for (let position = start; position < end;) {
    const records = await reader.next({ bytesMax: 1024 * 1024, waitMs: 5_000 });
    for (const { offset, payload } of records) {
      texts.push({ offset, text: new TextDecoder().decode(payload).replace(/\.+$/, '') });
      position = offset + 1;
    }
  }
  await reader.close();
  return texts;
}
