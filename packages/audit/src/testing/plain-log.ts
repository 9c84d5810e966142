import { fingerprintOf, partitionOf } from '@millrace/model';
import { dataRecord, labelSetOf, logStart, type LoggedRecord } from '@millrace/transformer/testing';
import { EventsRecordKind, type FoldSettings } from '@millrace/wire';

const START_US = 1_700_000_000_000_000;
const SECOND_US = 1_000_000;
const RECORDS = 20;
const SERIES = 3;
const PARTITIONS = 2;

/**
 * A log that nothing is strange about: a sample of three gauges each second, by one receiver that
 * tells what it knows to be durable. Routed as in a log of two partitions.
 */
export function plainLog(
  partition: number,
  tenant = 'default',
  more: Readonly<{ labels?: Record<string, string>; settings?: Partial<FoldSettings> }> = {},
): LoggedRecord[] {
  const log = logStart(undefined, { latenessUs: SECOND_US, ...more.settings }).map((one) => {
    return { ...one, appendTimeUs: START_US };
  });
  const series = seriesOf(partition, tenant, more.labels);
  for (let i = 0; i < RECORDS; i += 1) {
    const timeUs = START_US + i * SECOND_US;
    const samples = series.map((labels, value) => ({ labels, timeUs, value }));
    const sequence = i + 1;
    const part = { tenant, samples, receivedAtUs: timeUs, sequence, receiver: 'ab'.repeat(8) };
    const cumulativeSamples = sequence * SERIES;
    // It waits for each acknowledgement.
    const acknowledged = {
      samples: cumulativeSamples - SERIES,
      from: i === 0 ? -1 : log.length - i,
    };
    const record = dataRecord({ ...part, cumulativeSamples, acknowledged });
    log.push({ record, appendTimeUs: timeUs });
  }
  // The ledger counts what is before a boundary.
  const receivedAtUs = START_US + (RECORDS + 5) * SECOND_US;
  const tick = { kind: EventsRecordKind.tick, receivedAtUs } as const;
  return [...log, { record: tick, appendTimeUs: receivedAtUs }];
}

function seriesOf(
  partition: number,
  tenant: string,
  more: Record<string, string> = {},
): Record<string, string>[] {
  const all = Array.from({ length: 64 }, (_, i) => ({ __name__: 'm', i: String(i), ...more }));
  return all
    .filter((labels) => {
      const fingerprint = fingerprintOf(tenant, labelSetOf(labels));
      return partitionOf(fingerprint, 0, PARTITIONS) === partition;
    })
    .slice(0, SERIES);
}
