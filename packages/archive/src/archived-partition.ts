import {
  TOPIC_CHECKPOINTS,
  TOPIC_EVENTS,
  type PartitionBounds,
  type Stream,
} from '@millrace/stream';
import type { ArchiveFiles } from './archive-files.ts';
import { ArchivedRanges, archivedLogs } from './archived-ranges.ts';
import { rangeAt, stretchesOf } from './coverage.ts';
import { endsAlike } from './ends-alike.ts';
import type { ArchivedRange, ArchivedTopic } from './range.ts';

/** The ranges that lie before what a log still holds, and belong to it. */
interface Before {
  ranges: ArchivedRanges;
  checkpoints: ArchivedRanges;
  /** Of the events: where the stretch begins that leads into the log. */
  from: number;
}

export interface ArchivedPartitionParts {
  stream: Stream;
  files: ArchiveFiles;
  partition: number;
  /** What there is in the archive is of no use, and why. */
  onUnusable: (partition: number, why: string) => void;
  /** Where ranges are missing they are looked for again after so long: a person may put them back. */
  lookAgainMs: number;
}

/**
 * What an archive has of one partition. A log is recognised by a record: the last one of a range
 * that the log still holds has to be the same in both.
 */
export class ArchivedPartition {
  readonly #parts: ArchivedPartitionParts;
  #before: Before | undefined;
  #lookedAtStart = -1;
  #lookAgainAtMs = 0;
  /** Why it was of no use, as it was told the last time. */
  #told: string | undefined;

  constructor(parts: ArchivedPartitionParts) {
    this.#parts = parts;
  }

  /** Where a topic begins, with the archive in front of it. */
  async start(topic: ArchivedTopic, held: PartitionBounds, signal?: AbortSignal): Promise<number> {
    const before = await this.#find(signal);
    if (before === undefined) return held.start;
    if (topic === TOPIC_EVENTS) return Math.min(before.from, held.start);
    return Math.min(before.checkpoints.all[0]?.from ?? Infinity, held.start);
  }

  /**
   * The range to go on with at `position`, and from where on. Events follow one another; of
   * checkpoints only some are archived, and the next one may lie further on.
   */
  async rangeFor(
    topic: ArchivedTopic,
    position: number,
    signal?: AbortSignal,
  ): Promise<{ range: ArchivedRange; position: number } | undefined> {
    const before = await this.#find(signal);
    if (before === undefined) return undefined;
    const { all } = topic === TOPIC_EVENTS ? before.ranges : before.checkpoints;
    const here = rangeAt(all, position);
    if (here !== undefined) return { range: here, position };
    if (topic !== TOPIC_CHECKPOINTS) return undefined;
    const next = all.find(({ from }) => from > position);
    return next === undefined ? undefined : { range: next, position: next.from };
  }

  async #find(signal: AbortSignal | undefined): Promise<Before | undefined> {
    const { stream, partition } = this.#parts;
    const held = await stream.bounds(TOPIC_EVENTS, partition);
    // A log that holds its beginning needs no archive, and an empty one has none.
    if (held.start === 0) return undefined;
    const isSameStart = held.start === this.#lookedAtStart;
    const isWhole = this.#before?.from === 0;
    const isFresh = isWhole || performance.now() < this.#lookAgainAtMs;
    if (isSameStart && isFresh) return this.#before;
    // Anew where something is missing: what was put back may lie before what was found.
    const known = isSameStart ? undefined : this.#before;
    const found = known ?? (await this.#recognise(held, signal));
    if (found !== undefined) {
      await found.ranges.follow(signal);
      await found.checkpoints.follow(signal);
      const stretch = stretchesOf(found.ranges.all).find(
        ({ from, to }) => from <= held.start && held.start <= to,
      );
      found.from = stretch?.from ?? held.start;
    }
    this.#before = found;
    this.#lookedAtStart = held.start;
    this.#lookAgainAtMs = performance.now() + this.#parts.lookAgainMs;
    return found;
  }

  async #recognise(
    held: PartitionBounds,
    signal: AbortSignal | undefined,
  ): Promise<Before | undefined> {
    const { files, partition } = this.#parts;
    const reasons: string[] = [];
    for (const logId of await archivedLogs(files, { topic: TOPIC_EVENTS, partition }, signal)) {
      const ranges = new ArchivedRanges(files, { topic: TOPIC_EVENTS, partition, logId });
      await ranges.follow(signal);
      const why = await this.#whyNot(ranges.all, held, signal);
      if (why === undefined) {
        const key = { topic: TOPIC_CHECKPOINTS, partition, logId } as const;
        return { ranges, checkpoints: new ArchivedRanges(files, key), from: held.start };
      }
      reasons.push(`log ${logId}: ${why}`);
    }
    const why = reasons.join('; ') || 'it has nothing of this partition';
    this.#tell(`${files.where}: ${why}`);
    return undefined;
  }

  #tell(why: string): void {
    if (why === this.#told) return;
    this.#told = why;
    this.#parts.onUnusable(this.#parts.partition, why);
  }

  async #whyNot(
    ranges: readonly ArchivedRange[],
    held: PartitionBounds,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const last = ranges.filter(({ to }) => to > held.start && to <= held.end).at(-1);
    if (last === undefined) {
      const archivedTo = ranges.at(-1)?.to ?? 0;
      if (archivedTo > held.end)
        return `it goes on to ${archivedTo}, and the log ends at ${held.end}`;
      return `it ends at offset ${archivedTo}, and the log begins at ${held.start}`;
    }
    const isSame = await endsAlike(this.#parts, last, signal);
    return isSame ? undefined : `its record ${last.to - 1} is another one`;
  }
}
