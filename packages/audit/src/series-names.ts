import { formatLabels, type LabelSet } from '@millrace/model';
import { readRecord, readRecords, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import {
  decodeEventsRecord,
  DefinitionReader,
  EventsRecordKind,
  type DataRecord,
} from '@millrace/wire';
import type { LogTables } from './log/record-slots.ts';
import { seriesIdText } from './series-table.ts';

export interface SeriesName {
  seriesId: string;
  tenant: string | undefined;
  /** As Prometheus prints it; undefined when nobody knows. */
  series: string | undefined;
}

/** Names series by the log itself: what the store has of them may be what is wrong. */
export class SeriesNames {
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Of a series that the log has. */
  async of({ series, records }: LogTables, slot: number): Promise<SeriesName> {
    const seriesId = seriesIdText(series.idHigh[slot]!, series.idLow[slot]!);
    const record = series.records[slot]!;
    const found = await readRecord(this.#stream, {
      topic: TOPIC_EVENTS,
      partition: records.partition(record),
      offset: records.offset(record),
      waitMsMax: SEARCH_WAIT_MS,
    });
    const decoded = found === undefined ? undefined : decodeEventsRecord(found.payload);
    if (decoded?.kind !== EventsRecordKind.data) {
      return { seriesId, tenant: undefined, series: undefined };
    }
    const id = { idHigh: series.idHigh[slot]!, idLow: series.idLow[slot]! };
    const labels = labelsIn(decoded, id) ?? (await this.#search(records.partition(record), id));
    const name = labels === undefined ? undefined : formatLabels(labels);
    return { seriesId, tenant: decoded.tenant, series: name };
  }

  /** Another record has the labels: most often one soon before, or soon after. */
  async #search(partition: number, id: SeriesId): Promise<LabelSet | undefined> {
    const { start, end } = await this.#stream.bounds(TOPIC_EVENTS, partition);
    const range = { partition, from: start, to: end, waitMsMax: SEARCH_WAIT_MS };
    for await (const { payload } of readRecords(this.#stream, { topic: TOPIC_EVENTS, ...range })) {
      const record = decodeEventsRecord(payload);
      if (record.kind !== EventsRecordKind.data) continue;
      const labels = labelsIn(record, id);
      if (labels !== undefined) return labels;
    }
    return undefined;
  }
}

/** The log ends where it ended a moment ago. */
const SEARCH_WAIT_MS = 1000;

interface SeriesId {
  idHigh: number;
  idLow: number;
}

/** The labels of a series, if the record defines it. */
function labelsIn(
  { fingerprints, definitions }: DataRecord,
  { idHigh, idLow }: SeriesId,
): LabelSet | undefined {
  const { buffer, byteOffset, length } = fingerprints;
  const view = new DataView(buffer, byteOffset, length);
  const row = definitions.rows.find((s) => {
    return view.getUint32(16 * s) === idHigh && view.getUint32(16 * s + 4) === idLow;
  });
  return row === undefined ? undefined : new DefinitionReader(definitions).labels(row);
}
