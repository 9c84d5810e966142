import type { TimeUs } from '@millrace/model';
import type { EditionEndEntry, EditionEntry } from '@millrace/wire';

/** Which edition of a rule is shown for windows that start at `fromUs` or later, up to the next. */
export interface ServedRange {
  edition: number;
  fromUs: TimeUs;
  /** Every partition has the windows of its whole range; else the one before had ended. */
  isWhole: boolean;
}

interface Begun {
  widthsUs: readonly TimeUs[];
  /** By partition, the time behind which nothing was folded before. */
  reachedUs: Map<number, TimeUs>;
  untilUs: TimeUs;
}

const SECOND_US = 1_000_000;
const WIDTH_US_MAX = 3600 * SECOND_US;

/**
 * What `succeed-editions.sql` decides, for one log that never changes: a rule's first edition is
 * served at once, a later one from the first start of a wide window behind all that any partition
 * had seen when it began.
 */
export class ServedEditions {
  readonly #begun = new Map<number, Begun>();
  readonly #byRule = new Map<string, ServedRange[]>();

  get rules(): ReadonlyMap<string, readonly ServedRange[]> {
    return this.#byRule;
  }

  copy(): ServedEditions {
    const copy = new ServedEditions();
    for (const [edition, { widthsUs, reachedUs, untilUs }] of this.#begun) {
      copy.#begun.set(edition, { widthsUs, reachedUs: new Map(reachedUs), untilUs });
    }
    for (const [rule, ranges] of this.#byRule) copy.#byRule.set(rule, [...ranges]);
    return copy;
  }

  /** Nothing is folded into windows of the edition that start then or later. */
  untilUs(edition: number): TimeUs {
    return this.#begun.get(edition)?.untilUs ?? Infinity;
  }

  end({ edition, untilUs }: EditionEndEntry): void {
    const begun = this.#begun.get(edition);
    if (begun !== undefined) begun.untilUs = Math.min(begun.untilUs, untilUs);
  }

  begin(entry: EditionEntry, partition: number): void {
    const { edition, rule, widthsUs, partitions } = entry;
    let begun = this.#begun.get(edition);
    if (begun === undefined) {
      begun = { widthsUs, reachedUs: new Map(), untilUs: Infinity };
      this.#begun.set(edition, begun);
    }
    const reachedUs = Math.max(entry.fromPartitionTimeUs, entry.fromLargestTimeUs);
    if (!begun.reachedUs.has(partition)) begun.reachedUs.set(partition, reachedUs);
    // Of candidates nothing is shown.
    if (entry.candidate !== undefined) return;
    const ranges = this.#byRule.get(rule);
    if (ranges === undefined)
      this.#byRule.set(rule, [{ edition, fromUs: -Infinity, isWhole: true }]);
    else this.#succeed(ranges, edition, begun.reachedUs.size >= partitions);
  }

  #succeed(ranges: ServedRange[], edition: number, isBegun: boolean): void {
    const at = ranges.findIndex((range) => range.edition === edition);
    const [mine, before] = at < 0 ? [undefined, ranges.at(-1)] : [ranges[at], ranges[at - 1]];
    if (before === undefined || before.edition > edition) return;
    const place = this.#place(before.edition, edition, isBegun);
    const fromUs = Math.max(place.fromUs, before.fromUs);
    if (fromUs === Infinity || fromUs >= (mine?.fromUs ?? Infinity)) return;
    const next: ServedRange = { edition, fromUs, isWhole: place.isWhole };
    const kept = ranges.filter((range) => {
      // With nothing between two changes the one before is never shown.
      return range !== mine && (range !== before || before.fromUs < fromUs);
    });
    ranges.splice(0, ranges.length, ...kept, next);
    ranges.sort((a, b) => a.fromUs - b.fromUs || a.edition - b.edition);
  }

  #place(before: number, edition: number, isBegun: boolean): Omit<ServedRange, 'edition'> {
    const [one, other] = [this.#begun.get(before), this.#begun.get(edition)!];
    const untilUs = one?.untilUs ?? Infinity;
    if (!isBegun) return { fromUs: untilUs, isWhole: false };
    const widths = [...(one?.widthsUs ?? []), ...other.widthsUs];
    const isSame = JSON.stringify(one?.widthsUs) === JSON.stringify(other.widthsUs);
    const widthUsMax = isSame ? WIDTH_US_MAX / 2 : WIDTH_US_MAX;
    const stepUs = Math.max(SECOND_US, ...widths.filter((widthUs) => widthUs <= widthUsMax));
    const reachedUs = Math.max(...other.reachedUs.values());
    const behindUs = (Math.floor(reachedUs / SECOND_US) + 1) * SECOND_US;
    const fromUs = Math.ceil(behindUs / stepUs) * stepUs;
    return { fromUs: Math.min(fromUs, untilUs), isWhole: fromUs <= untilUs };
  }
}
