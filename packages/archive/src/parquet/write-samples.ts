import type { SchemaElement } from 'hyparquet';
import { SAMPLE_KIND_NAMES, SampleFlag, seriesIdOf } from '@millrace/model';
import { errorKind } from '@millrace/runtime';
import {
  ColumnRoom,
  decodeEventsRecord,
  DefinitionReader,
  EventsRecordKind,
  type DataRecord,
} from '@millrace/wire';
import {
  microseconds,
  optional,
  ParquetFile,
  required,
  TEXT,
  TIME,
  type ParquetColumn,
} from './parquet-file.ts';

/** Rows of one group: they are objects until then. */
const GROUP_ROWS_MAX = 20_000;
/** Series of one range whose labels are remembered; of more, those that came first. */
const SERIES_MAX = 200_000;

const COLUMNS: readonly SchemaElement[] = [
  optional('time', TIME),
  required('tenant', TEXT),
  required('series_id', { type: 'INT64' }),
  // Of the series as it was sent; absent where the range does not define it before.
  optional('metric', TEXT),
  // As JSON, made once for each series: a column of that type would do so for each row.
  optional('labels', TEXT),
  required('kind', TEXT),
  // Absent: the series ended. Of a histogram the sum.
  optional('value', { type: 'DOUBLE' }),
  required('offset', { type: 'INT64' }),
];

interface KnownSeries {
  metric: string | undefined;
  labels: string;
}

interface NamedSeries {
  seriesId: bigint;
  known: KnownSeries | undefined;
}

/** Rows of one group, column by column: an object for each of them would cost as much again. */
class Columns {
  readonly time: (bigint | undefined)[] = [];
  readonly tenant: string[] = [];
  readonly seriesId: bigint[] = [];
  readonly metric: (string | undefined)[] = [];
  readonly labels: (string | undefined)[] = [];
  readonly kind: string[] = [];
  readonly value: (number | undefined)[] = [];
  readonly offset: bigint[] = [];

  get rows(): number {
    return this.offset.length;
  }
}

/**
 * The samples of one range as rows, for people: as they came, repeated ones as often as they did.
 * Nothing is computed from it.
 */
export class SamplesWriter {
  readonly #file = new ParquetFile('sample', COLUMNS);
  readonly #room = new ColumnRoom();
  readonly #series = new Map<bigint, KnownSeries>();
  #columns = new Columns();

  async add(offset: number, payload: Uint8Array): Promise<void> {
    const record = this.#decode(payload);
    if (record === undefined) return;
    this.#addRows(offset, record);
    if (this.#columns.rows >= GROUP_ROWS_MAX) await this.#writeGroup();
  }

  async finish(): Promise<Uint8Array> {
    await this.#writeGroup();
    return await this.#file.finish();
  }

  #decode(payload: Uint8Array): DataRecord | undefined {
    try {
      const record = decodeEventsRecord(payload, this.#room);
      return record.kind === EventsRecordKind.data ? record : undefined;
    } catch (error) {
      // It is archived like any other, and no samples of it can be shown.
      if (errorKind(error) !== 'permanent') throw error;
      return undefined;
    }
  }

  #addRows(offset: number, record: DataRecord): void {
    const { tenant, times, values, flags, seriesIndex, kinds } = record;
    const series = this.#seriesOf(record);
    const at = BigInt(offset);
    const columns = this.#columns;
    for (let i = 0; i < seriesIndex.length; i += 1) {
      const index = seriesIndex[i]!;
      const { seriesId, known } = series[index]!;
      const isStale = (flags[i]! & SampleFlag.stale) !== 0;
      columns.time.push(microseconds(times[i]));
      columns.tenant.push(tenant);
      columns.seriesId.push(seriesId);
      columns.metric.push(known?.metric);
      columns.labels.push(known?.labels);
      columns.kind.push(SAMPLE_KIND_NAMES[kinds[index]!] ?? 'unknown');
      columns.value.push(isStale ? undefined : values[i]);
      columns.offset.push(at);
    }
  }

  #seriesOf({ fingerprints, definitions, kinds }: DataRecord): NamedSeries[] {
    const reader = new DefinitionReader(definitions);
    return Array.from(kinds, (_, index) => {
      const seriesId = seriesIdOf(fingerprints, 16 * index);
      let known = this.#series.get(seriesId);
      if (known === undefined) {
        const labels = reader.labels(index);
        if (labels !== undefined) {
          const { __name__: metric, ...rest } = Object.fromEntries(labels);
          known = { metric, labels: JSON.stringify(rest) };
          if (this.#series.size < SERIES_MAX) this.#series.set(seriesId, known);
        }
      }
      return { seriesId, known };
    });
  }

  async #writeGroup(): Promise<void> {
    const columns = this.#columns;
    if (columns.rows === 0) return;
    this.#columns = new Columns();
    await this.#file.writeGroup(parquetColumns(columns), columns.rows);
  }
}

function parquetColumns(columns: Columns): ParquetColumn[] {
  // No group can be left out by what lies in them.
  const plain = { statistics: false };
  return [
    { name: 'time', data: columns.time },
    { name: 'tenant', data: columns.tenant },
    { name: 'series_id', data: columns.seriesId, ...plain },
    { name: 'metric', data: columns.metric },
    { name: 'labels', data: columns.labels, ...plain },
    { name: 'kind', data: columns.kind, ...plain },
    { name: 'value', data: columns.value, ...plain },
    { name: 'offset', data: columns.offset },
  ];
}
