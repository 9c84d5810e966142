import type { SampleKind } from '@millrace/model';
import type { MemoryLog } from '@millrace/stream/memory';
import { TOPIC_EVENTS } from '@millrace/stream';
import type { OracleRecord, TestSample } from '@millrace/transformer/testing';
import { decodeEventsRecord, DefinitionReader, EventsRecordKind } from '@millrace/wire';

/**
 * The records of a partition as the oracle takes them: of what was sent again, the first counts.
 * Every sample of the workload is the only one of its series and time.
 */
export function freshRecords(log: MemoryLog, partition: number): OracleRecord[] {
  const seen = new Set<string>();
  const records = log.partition(TOPIC_EVENTS, partition).read(0, Infinity);
  return records.map(({ payload, appendTimeUs }) => {
    const record = decodeEventsRecord(payload);
    if (record.kind !== EventsRecordKind.data) return { record, appendTimeUs };
    const definitions = new DefinitionReader(record.definitions);
    const samples = [...record.values].flatMap((value, i): TestSample[] => {
      const s = record.seriesIndex[i]!;
      const labels = Object.fromEntries(definitions.labels(s));
      const timeUs = record.times[i]!;
      const key = sampleKey({ labels, timeUs });
      if (seen.has(key)) return [];
      seen.add(key);
      return [{ labels, timeUs, value, kind: record.kinds[s]! as SampleKind }];
    });
    return { record, appendTimeUs, samples };
  });
}

export function sampleKey({ labels, timeUs }: Pick<TestSample, 'labels' | 'timeUs'>): string {
  return JSON.stringify([timeUs, ...Object.entries(labels).flat().sort()]);
}
