import { expect } from 'vitest';
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
   * Every acknowledged record is there, once, at its offset; what was rejected at most once; and
   * nothing else. Appends are numbered in the order of the calls: so acknowledged ones follow in
   * that order.
   */
  async check(stream: Stream): Promise<void> {
    let found = 0;
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      const seen = new Set<string>();
      let newest = -1;
      for (const { offset, text } of await readTexts(stream, partition)) {
        expect(seen.has(text), `"${text}" is there twice`).toBe(false);
        seen.add(text);
        const acknowledged = this.#acknowledged.get(text);
        if (acknowledged === undefined) {
          expect(this.#rejected.has(text), `"${text}" was never appended`).toBe(true);
          continue;
        }
        expect(acknowledged).toEqual({ partition, offset });
        const number = Number(text.slice(text.lastIndexOf(' ') + 1));
        expect(number, `"${text}" comes late`).toBeGreaterThan(newest);
        newest = number;
        found += 1;
      }
    }
    expect(found).toBe(this.#acknowledged.size);
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
