import type { StoredDeadLetter } from '@millrace/store';
import type { DeadLetterEntry } from '@millrace/wire';

interface Letter {
  seriesId: Uint8Array | undefined;
  timeUs?: number | undefined;
  value?: number | undefined;
  receivedAtUs?: number | undefined;
  tenant: string;
  reason: string;
}

/** What the store has of the letters that the fold itself puts out: equal ones are counted. */
export class FoldLetters {
  readonly #left = new Map<string, { count: number; letter: StoredDeadLetter }>();

  add(letter: StoredDeadLetter): void {
    const key = keyOf(letter.partition, letter);
    const known = this.#left.get(key);
    // There may be very many, and all of them have the same detail.
    if (known === undefined) this.#left.set(key, { count: 1, letter: { ...letter, detail: '' } });
    else known.count += 1;
  }

  /** Whether there is one more like it. A time that no database can hold is not there. */
  take(partition: number, { fingerprint, ...entry }: DeadLetterEntry): boolean {
    const letter = { ...entry, seriesId: fingerprint.subarray(0, 8) };
    return (
      this.#take(keyOf(partition, letter)) ||
      this.#take(keyOf(partition, { ...letter, timeUs: undefined }))
    );
  }

  /** Those that were not taken. */
  left(): StoredDeadLetter[] {
    return [...this.#left.values()].flatMap(({ count, letter }) => {
      return Array.from({ length: count }, () => letter);
    });
  }

  #take(key: string): boolean {
    const known = this.#left.get(key);
    if (known === undefined) return false;
    known.count -= 1;
    if (known.count === 0) this.#left.delete(key);
    return true;
  }
}

/** Its detail is text for people, and may become a better one. */
function keyOf(partition: number, letter: Letter): string {
  const { tenant, reason, seriesId, timeUs, value, receivedAtUs } = letter;
  const id = seriesId === undefined ? '' : Buffer.from(seriesId).toString('latin1');
  return [partition, timeUs, value, receivedAtUs, id, reason, tenant].join(' ');
}
