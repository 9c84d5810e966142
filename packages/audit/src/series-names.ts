import { formatLabels } from '@millrace/model';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { decodeEventsRecord, DefinitionReader, EventsRecordKind } from '@millrace/wire';
import type { LogTables } from './log/record-slots.ts';
import { readRecord } from './log/read-log.ts';
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
    const payload = await readRecord(this.#stream, {
      topic: TOPIC_EVENTS,
      partition: records.partition(record),
      offset: records.offset(record),
    });
    const decoded = payload === undefined ? undefined : decodeEventsRecord(payload);
    if (decoded?.kind !== EventsRecordKind.data) {
      return { seriesId, tenant: undefined, series: undefined };
    }
    const view = Buffer.from(decoded.fingerprints);
    let place = 0;
    while (
      view.readUInt32BE(16 * place) !== series.idHigh[slot] ||
      view.readUInt32BE(16 * place + 4) !== series.idLow[slot]
    ) {
      place += 1;
    }
    const labels = new DefinitionReader(decoded.definitions).definedLabels(place);
    return { seriesId, tenant: decoded.tenant, series: formatLabels(labels) };
  }
}
