import { SAMPLE_ENTRIES, type StoredDeadLetter, type StoreSnapshot } from '@millrace/store';
import { LIVE_SOURCE } from '@millrace/wire';
import { SERIES_UNDEFINED } from '@millrace/transformer/fold';
import type { AuditPlan } from '../plan.ts';
import { FoldLetters } from './fold-letters.ts';
import { RefusedArrivals } from './refused-arrivals.ts';

/** Letters of one series and time. */
export interface LettersOf {
  all: number;
  /** Of these nobody knows that they were sent again. */
  open: number;
}

/** Letters of samples that are there, of one partition. */
export interface LettersThere {
  /** The store refused the rows. */
  refused: number;
  /** The fold put them out as letters: their samples never were rows. */
  undefined: number;
  /** Of both, those that were sent again. */
  redriven: number;
}

/** Entries that are stored neither as samples nor as histograms. */
const BESIDE = ['exemplar', 'unverified sample'] as const;
export type EntryBeside = (typeof BESIDE)[number];

const NO_LETTERS: LettersOf = { all: 0, open: 0 };
const NONE_THERE: LettersThere = { refused: 0, undefined: 0, redriven: 0 };

/**
 * What the store could not take, by its dead letters: read once, for all rounds. Letters of a
 * series are asked for in the one round that has it, so what one round takes no other misses.
 */
export class RefusedLetters {
  readonly #rows = new Map<string, LettersOf>();
  readonly #beside = new Map<string, number>();
  readonly #there = new Map<number, LettersThere>();
  readonly #plan: AuditPlan;
  readonly #isDeep: boolean;
  /** One by one, as a fold puts them out. */
  readonly arrivals: RefusedArrivals = new RefusedArrivals();
  /** Those that the fold put out, where it is folded again. */
  readonly ofFold: FoldLetters = new FoldLetters();
  /** How often it refused metadata, by tenant. */
  readonly metadataOf: Map<string, number> = new Map();

  private constructor(plan: AuditPlan, isDeep: boolean) {
    this.#plan = plan;
    this.#isDeep = isDeep;
  }

  static async read(
    snapshot: StoreSnapshot,
    plan: AuditPlan,
    isDeep: boolean,
  ): Promise<RefusedLetters> {
    const letters = new RefusedLetters(plan, isDeep);
    for await (const some of snapshot.deadLetters()) for (const one of some) letters.#add(one);
    return letters;
  }

  of(seriesId: string, timeUs: number): LettersOf {
    return this.#rows.get(keyOf(seriesId, timeUs)) ?? NO_LETTERS;
  }

  /** Takes those of rows that are not there, and of arrivals that were refused before them. */
  take(seriesId: string, timeUs: number, of: Readonly<{ rows: number; redrives: number }>): void {
    const known = this.#rows.get(keyOf(seriesId, timeUs));
    if (known === undefined) return;
    const taken = Math.min(known.all, of.rows + of.redrives);
    const ofSent = Math.min(known.all - known.open, of.redrives);
    known.open -= Math.min(known.open, taken - ofSent);
    known.all -= taken;
  }

  /** Whether there is one more letter of what lies beside the samples. */
  takeBeside(entry: EntryBeside, seriesId: string, timeUs: number): boolean {
    const key = `${entry} ${keyOf(seriesId, timeUs)}`;
    const left = this.#beside.get(key) ?? 0;
    if (left > 0) this.#beside.set(key, left - 1);
    return left > 0;
  }

  there(partition: number): LettersThere {
    return this.#there.get(partition) ?? NONE_THERE;
  }

  #add(letter: StoredDeadLetter): void {
    const { entry, tenant, partition, logId, source, reason } = letter;
    const plan = this.#plan.partitions.find((one) => one.partition === partition);
    if (plan?.logId !== logId || source !== LIVE_SOURCE) return;
    if (entry === 'metadata') this.metadataOf.set(tenant, (this.metadataOf.get(tenant) ?? 0) + 1);
    if (isBeside(entry)) this.#addBeside(entry, letter);
    if (!SAMPLE_ENTRIES.includes(entry)) return;
    let there = this.#there.get(partition);
    if (there === undefined) this.#there.set(partition, (there = { ...NONE_THERE }));
    const isUndefined = reason === SERIES_UNDEFINED;
    there[isUndefined ? 'undefined' : 'refused'] += 1;
    if (letter.isRedriven) there.redriven += 1;
    if (isUndefined && this.#isDeep) this.ofFold.add(letter);
    if (entry === 'sample' || entry === 'histogram') this.#addRow(letter, plan.start === 0);
  }

  #addRow(letter: StoredDeadLetter, isWhole: boolean): void {
    const { entry, seriesId, timeUs, value, reason, isRedriven } = letter;
    if (seriesId === undefined || timeUs === undefined) return;
    const isUndefined = reason === SERIES_UNDEFINED;
    if (!isUndefined) {
      const id = Buffer.from(seriesId);
      const series = { idHigh: id.readUInt32BE(0), idLow: id.readUInt32BE(4) };
      const isHistogram = entry === 'histogram';
      this.arrivals.add({ ...series, timeUs, value: value ?? NaN, isHistogram });
    } else if (isWhole) return;
    // Of a log that lacks its beginning it is not known whose labels were undefined.
    const key = keyOf(idOf(seriesId), timeUs);
    let known = this.#rows.get(key);
    if (known === undefined) this.#rows.set(key, (known = { all: 0, open: 0 }));
    known.all += 1;
    if (!isRedriven) known.open += 1;
  }

  #addBeside(entry: EntryBeside, { seriesId, timeUs }: StoredDeadLetter): void {
    if (seriesId === undefined || timeUs === undefined) return;
    const key = `${entry} ${keyOf(idOf(seriesId), timeUs)}`;
    this.#beside.set(key, (this.#beside.get(key) ?? 0) + 1);
  }
}

function isBeside(entry: string): entry is EntryBeside {
  return (BESIDE as readonly string[]).includes(entry);
}

function keyOf(seriesId: string, timeUs: number): string {
  return `${seriesId} ${timeUs}`;
}

function idOf(seriesId: Uint8Array): string {
  return Buffer.from(seriesId).readBigInt64BE().toString();
}
