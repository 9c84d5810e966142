import { createMeter, silentLog, systemClock, type Clock, type Log } from '@millrace/runtime';
import { MemoryStateDatabase, MemoryStateStore } from '@millrace/state/memory';
import type { StateStore } from '@millrace/state';
import { TOPIC_EVENTS, TOPIC_SERIES, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import {
  decodeEventsRecord,
  encodeEventsRecord,
  listEntries,
  type EventsRecord,
} from '@millrace/wire';
import { DEFAULT_TRANSFORMER_SETTINGS, type TransformerSettings } from '../settings.ts';
import { createTransformer, type Transformer } from '../transformer.ts';
import { entryTexts, runFold, type LoggedRecord } from './fold-run.ts';

/** Small and quick, so that a test sees many polls, records and commits. */
const QUICK: Partial<TransformerSettings> = {
  pollBytesMax: 2000,
  recordBytesMax: 1500,
  gatherMs: 0,
  tickMs: 5,
  commitMs: 3,
};

/** The stage on a log and a state in memory, both of which outlive it. */
export class StageBench {
  readonly partitions: number;
  readonly clock: Clock = systemClock;
  log: MemoryLog;
  readonly database: MemoryStateDatabase = new MemoryStateDatabase();

  constructor(partitions = 1) {
    this.partitions = partitions;
    this.log = this.newLog();
  }

  /** A log that nobody has written to, with segments of one record. */
  newLog(): MemoryLog {
    const settings = { segmentBytes: 1, retentionMs: 0 };
    return new MemoryLog({ partitions: this.partitions, clock: this.clock, settings });
  }

  append(record: EventsRecord, partition = 0): void {
    this.log.partition(TOPIC_EVENTS, partition).append(encodeEventsRecord(record));
  }

  start(
    settings: Partial<TransformerSettings> = {},
    parts: Readonly<{
      stream?: Stream;
      archived?: Stream;
      state?: StateStore;
      log?: Log;
    }> = {},
  ): Transformer {
    return createTransformer(
      {
        stream: parts.stream ?? openMemoryStream(this.log),
        archived: parts.archived,
        state: parts.state ?? new MemoryStateStore(this.database),
        clock: this.clock,
        log: parts.log ?? silentLog,
        meter: createMeter(),
      },
      {
        ...DEFAULT_TRANSFORMER_SETTINGS,
        ...QUICK,
        partitions: Array.from({ length: this.partitions }, (_, partition) => partition),
        ...settings,
      },
    );
  }

  committed(partition = 0): number | undefined {
    return this.database.partition(partition).position?.position;
  }

  end(partition = 0): number {
    return this.log.partition(TOPIC_EVENTS, partition).bounds.end;
  }

  /** All entries that anybody put out, once each; throws when two owners disagree about one. */
  published(partition = 0): string[] {
    const texts = new Map<string, string>();
    for (const { payload } of this.log.partition(TOPIC_SERIES, partition).read(0, Infinity)) {
      const entries = listEntries(payload);
      for (const [i, text] of entryTexts(entries).entries()) {
        const { offset, ordinal } = entries[i]!.address;
        const address = `${offset}.${ordinal}`;
        const known = texts.get(address);
        if (known !== undefined && known !== text) throw new Error(`two entries at ${address}`);
        texts.set(address, text);
      }
    }
    return [...texts.values()];
  }

  /** What folding the log in one go puts out, up to a position. */
  expected(position: number, partition = 0): string[] {
    const records = this.log.partition(TOPIC_EVENTS, partition).read(0, Infinity);
    const logged = records.slice(0, position).map(({ payload, appendTimeUs }): LoggedRecord => {
      return { record: decodeEventsRecord(payload), appendTimeUs };
    });
    return entryTexts(runFold(logged).entries);
  }
}
