import { SampleFlag, type SampleKind } from '@millrace/model';
import {
  canonicalLabels,
  checkLabels,
  DecodeError,
  isStale,
  type Batch,
  type BatchTable,
  type LabelLimits,
  type RejectReason,
} from '@millrace/wire';
import { timeAt } from '../parts/layout-columns.ts';
import { BatchSession, seriesColumnOf, type BatchSessions } from './batch-sessions.ts';
import type { CutRequest } from '../parts/part-cutter.ts';
import type { RequestDraft } from './request-draft.ts';
import { UNKNOWN_SERIES, type SeriesCache } from '../series/series-cache.ts';

/** Takes a native columnar batch into a draft. */
export class BatchRequest {
  readonly #draft: RequestDraft;
  readonly #sessions: BatchSessions;
  readonly #series: SeriesCache;
  readonly #labelLimits: LabelLimits;
  /** What is wrong with series of this batch's table, by number. */
  readonly #faults = new Map<number, string>();

  constructor(
    params: Readonly<{
      draft: RequestDraft;
      sessions: BatchSessions;
      series: SeriesCache;
      labelLimits: LabelLimits;
    }>,
  ) {
    this.#draft = params.draft;
    this.#sessions = params.sessions;
    this.#series = params.series;
    this.#labelLimits = params.labelLimits;
  }

  /**
   * Takes all samples of the batch, or throws and takes none: what was learned of the session
   * stays, for it is true of the session and not of the batch. What is returned wants to be told
   * how it was cut: the next batch of the same series is cut the same way.
   *
   * @throws DecodeError `unknown_session`, `session_conflict`, `malformed_batch`,
   *   `too_many_series`.
   */
  take(batch: Batch): ((cut: CutRequest) => void) | undefined {
    const session = this.#learn(batch);
    const series = seriesColumnOf(batch);
    const layout = session.layouts.find(series);
    const { columns } = this.#sessions;
    if (layout !== undefined && this.#draft.laidOutBatch(layout, batch, columns)) return undefined;
    this.#takeEach(batch, session);
    const isWhole = this.#draft.accepted === batch.samples;
    if (layout !== undefined || !isWhole || !session.layouts.isAgain(series)) return undefined;
    return ({ drafts }) => this.#sessions.remember(session, batch, drafts);
  }

  #takeEach(batch: Batch, session: BatchSession): void {
    const { view, seriesAt, timesAt, isOneTime, valuesAt } = batch.columns;
    const { series: places, kinds } = session;
    const draft = this.#draft;
    let timeUs = timeAt(view, timesAt);
    for (let i = 0; i < batch.samples; i += 1) {
      const number = seriesAt < 0 ? i : view.getUint32(seriesAt + 4 * i, true);
      const place = number < places.length ? places[number]! : UNKNOWN_SERIES;
      if (place < 0) {
        this.#refuse(i, number, place);
        continue;
      }
      if (!isOneTime) timeUs = timeAt(view, timesAt + 8 * i);
      const valueAt = valuesAt + 8 * i;
      const stale = isStale(view, valueAt);
      const value = stale ? Number.NaN : view.getFloat64(valueAt, true);
      const flags = stale ? SampleFlag.stale : 0;
      draft.plain(i, place, kinds[number] as SampleKind, timeUs, value, flags);
    }
  }

  #refuse(ordinal: number, number: number, place: number): void {
    if (place === UNKNOWN_SERIES) {
      throw new DecodeError('unknown_session', `series number ${number} was never told here`);
    }
    const detail = this.#faults.get(number) ?? `series number ${number} was refused when it came`;
    this.#draft.reject(BatchSession.reasonAt(place), ordinal, () => detail);
  }

  /** The session, with all that the batch's table tells of it. */
  #learn({ producer, session: name, table }: Batch): BatchSession {
    const session = this.#sessions.of(producer, name);
    if (table === undefined) return session;
    if (this.#learnTable(session, table)) return session;
    // The cache of series was full and began anew: what is held of them is no longer true.
    const anew = this.#sessions.of(producer, name);
    if (this.#learnTable(anew, table)) return anew;
    const detail = `a table of ${table.count} series is more than the receiver remembers`;
    throw new DecodeError('too_many_series', detail);
  }

  /** False when series got other numbers meanwhile. */
  #learnTable(session: BatchSession, table: BatchTable): boolean {
    const end = table.first + table.count;
    if (end > this.#sessions.seriesMax) {
      const detail = `series number ${end - 1} is not below ${this.#sessions.seriesMax}`;
      throw new DecodeError('malformed_batch', detail);
    }
    for (let entry = 0; entry < table.count; entry += 1) {
      const number = table.first + entry;
      const place = this.#placeOf(table, entry);
      // Before it is compared: where the series began anew, what the session holds is of before.
      if (!this.#sessions.isCurrent(session)) return false;
      const kind = table.kindOf(entry);
      if (session.set(number, place, kind)) continue;
      if (session.kinds[number] === kind && this.#isSame(session.series[number]!, place)) continue;
      const detail = `series number ${number} was told with other labels or another kind`;
      throw new DecodeError('session_conflict', detail);
    }
    this.#sessions.trim();
    return true;
  }

  /** Whether two places are of one series: its labels may be sent in any order. */
  #isSame(known: number, place: number): boolean {
    return known >= 0 && place >= 0 && this.#series.table.isSame(known, place);
  }

  /** By the bytes as they were sent: of a series that was told before no text is made. */
  #placeOf(table: BatchTable, entry: number): number {
    const { bytes, places } = table;
    const [start, end] = [places[entry]!, places[entry + 1]!];
    // They begin with the head of an array, which starts no protobuf field.
    const known = this.#series.find(bytes, start, end);
    if (known !== UNKNOWN_SERIES) return known;
    const labels = canonicalLabels(table.labelsOf(entry));
    const fault = checkLabels(labels, this.#labelLimits);
    if (fault === undefined) return this.#series.add(bytes, start, end, labels);
    this.#faults.set(table.first + entry, fault.detail);
    return BatchSession.placeOf(fault.reason satisfies RejectReason);
  }
}
