import { SampleKind } from '@millrace/model';
import {
  DefinitionReader,
  encodeDefinitions,
  EventsRecordKind,
  REDRIVE_PROTOCOL,
  type DataRecord,
} from '@millrace/wire';
import type { LoggedRecord } from './fold-run.ts';

const DEFINED_AGAIN_US = 1_800_000_000;

/**
 * The same log as receivers write it that put labels into it once and then every half hour:
 * events, and what is sent again, always have theirs.
 */
export function leaveOutLabels(log: readonly LoggedRecord[]): LoggedRecord[] {
  const definedUs = new Map<string, number>();
  return log.map((one) => {
    const { record } = one;
    if (record.kind !== EventsRecordKind.data) return one;
    const rows = record.definitions.rows.filter((row) => {
      if (record.kinds[row] === SampleKind.event) return true;
      if (record.protocol === REDRIVE_PROTOCOL) return true;
      const key = `${record.receiver}/${fingerprintText(record, row)}`;
      const knownUs = definedUs.get(key) ?? -Infinity;
      if (record.receivedAtUs - knownUs < DEFINED_AGAIN_US) return false;
      definedUs.set(key, record.receivedAtUs);
      return true;
    });
    return { ...one, record: withDefined(record, rows) };
  });
}

/** The record with the labels of only these series. */
export function withDefined(record: DataRecord, rows: Uint32Array): DataRecord {
  const reader = new DefinitionReader(record.definitions);
  const labels = Array.from(rows, (row) => reader.definedLabels(row));
  return { ...record, definitions: encodeDefinitions(labels, rows) };
}

function fingerprintText({ fingerprints }: DataRecord, row: number): string {
  return Buffer.from(fingerprints.subarray(16 * row, 16 * row + 16)).toString('hex');
}
