import type { SampleKind } from '@millrace/model';
import { REJECT_REASONS, type Batch, type RejectReason } from '@millrace/wire';
import { LayoutColumns } from '../parts/layout-columns.ts';
import type { SeriesColumn } from '../parts/layout.ts';
import { layoutOf, Layouts } from '../parts/layouts.ts';
import type { DraftPart } from '../parts/part-builder.ts';
import { UNKNOWN_SERIES } from '../series/series-cache.ts';
import type { SeriesNumber, SeriesTable } from '../series/series-table.ts';

/** Bounds of what is remembered of batches' series numbers. */
export interface BatchSessionSettings {
  /** Numbers of one session are below it. */
  sessionSeriesMax: number;
  /**
   * Numbers of all sessions; beyond, those that were not used for longest are forgotten. As many
   * samples have the layouts of one session, and of all, at most.
   */
  sessionsSeriesMax: number;
  sessionsMax: number;
}

const REASONS = Object.keys(REJECT_REASONS) as RejectReason[];
const FIRST_REFUSED = UNKNOWN_SERIES - 1;
const FIRST_CAPACITY = 64;
/**
 * All but a few batches come again at once or never. No bound on sessions counts what came once,
 * and there may be thousands of those.
 */
const BATCHES_ONCE_MAX = 64;

/** What the series numbers of one producer's session mean here. */
export class BatchSession {
  /** Of the series table, whose numbers are held here. */
  readonly generation: number;
  /** By the session's number: the series, UNKNOWN_SERIES, or below it a reason of refusal. */
  series: Int32Array = new Int32Array(FIRST_CAPACITY).fill(UNKNOWN_SERIES);
  kinds: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  readonly layouts: Layouts = new Layouts(BATCHES_ONCE_MAX);

  constructor(generation: number) {
    this.generation = generation;
  }

  /** Why samples of a number are refused whose place in `series` is below UNKNOWN_SERIES. */
  static reasonAt(place: number): RejectReason {
    return REASONS[FIRST_REFUSED - place]!;
  }

  static placeOf(reason: RejectReason): number {
    return FIRST_REFUSED - REASONS.indexOf(reason);
  }

  /** False when the number means something else already. */
  set(number: number, place: SeriesNumber, kind: SampleKind): boolean {
    if (number >= this.series.length) this.#grow(number + 1);
    const known = this.series[number]!;
    if (known !== UNKNOWN_SERIES) return known === place && this.kinds[number] === kind;
    this.series[number] = place;
    this.kinds[number] = kind;
    return true;
  }

  #grow(length: number): void {
    const capacity = Math.max(length, this.series.length * 2);
    const series = new Int32Array(capacity).fill(UNKNOWN_SERIES, this.series.length);
    series.set(this.series);
    this.series = series;
    const kinds = new Uint8Array(capacity);
    kinds.set(this.kinds);
    this.kinds = kinds;
  }
}

/**
 * The tables of the sessions that batches came from lately. Only a cache: a receiver that does not
 * know a number asks for the table again. All are forgotten when the series get other numbers.
 */
export class BatchSessions {
  readonly columns: LayoutColumns = new LayoutColumns();
  readonly #table: SeriesTable;
  readonly #settings: BatchSessionSettings;
  /** Least recently used first. */
  readonly #sessions = new Map<string, BatchSession>();

  constructor(params: Readonly<{ table: SeriesTable; settings: BatchSessionSettings }>) {
    this.#table = params.table;
    this.#settings = params.settings;
  }

  get count(): number {
    return this.#sessions.size;
  }

  get seriesMax(): number {
    return this.#settings.sessionSeriesMax;
  }

  /** What is known of a session: perhaps nothing, and then it begins here. */
  of(producer: string, session: string): BatchSession {
    // A session is bytes of a bounded number, each a character: no two pairs become one.
    const name = `${session.length} ${session}${producer}`;
    const { generation } = this.#table;
    const known = this.#sessions.get(name);
    this.#sessions.delete(name);
    const found = known?.generation === generation ? known : new BatchSession(generation);
    this.#sessions.set(name, found);
    if (this.#sessions.size > this.#settings.sessionsMax) this.#forgetOldest();
    return found;
  }

  /** Whether the series still have the numbers that the session holds. */
  isCurrent(session: BatchSession): boolean {
    return session.generation === this.#table.generation;
  }

  /** Keeps how a batch was cut, within the bounds that numbers have as well. */
  remember(session: BatchSession, batch: Batch, drafts: readonly DraftPart[]): void {
    const { sessionSeriesMax, sessionsSeriesMax } = this.#settings;
    if (session.layouts.samples + batch.samples > sessionSeriesMax) session.layouts.clear();
    const seriesOf = (ordinal: number): SeriesNumber => session.series[numberAt(batch, ordinal)]!;
    session.layouts.add(layoutOf(seriesColumnOf(batch), seriesOf, this.#table, drafts));
    let samples = 0;
    for (const { layouts } of this.#sessions.values()) samples += layouts.samples;
    for (const { layouts } of this.#sessions.values()) {
      if (samples <= sessionsSeriesMax) break;
      samples -= layouts.samples;
      layouts.clear();
    }
  }

  /** Forgets sessions until the others, or the one used last alone, have few enough numbers. */
  trim(): void {
    let series = 0;
    for (const session of this.#sessions.values()) series += session.series.length;
    while (series > this.#settings.sessionsSeriesMax && this.#sessions.size > 1) {
      series -= this.#forgetOldest();
    }
  }

  #forgetOldest(): number {
    const [oldest] = this.#sessions;
    if (oldest === undefined) return 0;
    this.#sessions.delete(oldest[0]);
    return oldest[1].series.length;
  }
}

export function seriesColumnOf({ samples, columns: { view, seriesAt } }: Batch): SeriesColumn {
  if (seriesAt < 0) return { samples, column: undefined };
  return { samples, column: new Uint8Array(view.buffer, view.byteOffset + seriesAt, 4 * samples) };
}

/** The session's number of a sample's series. */
function numberAt({ columns: { view, seriesAt } }: Batch, ordinal: number): number {
  return seriesAt < 0 ? ordinal : view.getUint32(seriesAt + 4 * ordinal, true);
}
