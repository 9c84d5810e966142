import { encode } from '@msgpack/msgpack';
import {
  arrayField,
  bytesColumn,
  corruptRecord,
  countField,
  decodeFields,
  settingsField,
  stringField,
  timeField,
  unknownVersion,
} from './columns.ts';
import { CONTROL_RECORD_VERSION, ControlRecordKind, type ControlRecord } from './control-record.ts';

/*
 * A record is one MessagePack array, the version first, then the kind:
 *
 *   log      [1, 0, logId bin16, partitions, first number]
 *   edition  [1, 1, rule {…}]
 *   rules    [1, 2, after, [edition], fold version, settings {…}, source, appliedAt µs]
 *   acknowledgement [1, 3, [[partition, logId bin16, samples]], note, acknowledgedAt µs]
 */

/** The bytes of a record. */
export function encodeControlRecord(record: ControlRecord): Uint8Array {
  const head = [CONTROL_RECORD_VERSION, record.kind];
  switch (record.kind) {
    case ControlRecordKind.log:
      return encode([
        ...head,
        Buffer.from(record.logId, 'hex'),
        record.partitions,
        record.firstNumber,
      ]);
    case ControlRecordKind.edition:
      return encode([...head, record.rule]);
    case ControlRecordKind.rules:
      return encode([
        ...head,
        record.after,
        record.editions,
        record.foldVersion,
        record.settings,
        record.source,
        record.appliedAtUs,
      ]);
    case ControlRecordKind.acknowledgement:
      return encode([
        ...head,
        record.losses.map(({ partition, logId, samples }) => {
          return [partition, Buffer.from(logId, 'hex'), samples];
        }),
        record.note,
        record.acknowledgedAtUs,
      ]);
  }
}

/**
 * Reads a record.
 *
 * @throws MillraceError (permanent) when a newer release wrote it, or when it is damaged.
 */
export function decodeControlRecord(bytes: Uint8Array): ControlRecord {
  const fields = decodeFields(bytes);
  if (fields[0] !== CONTROL_RECORD_VERSION) {
    throw unknownVersion('metrics.control', fields[0], CONTROL_RECORD_VERSION);
  }
  switch (fields[1]) {
    case ControlRecordKind.log:
      return {
        kind: ControlRecordKind.log,
        logId: Buffer.from(bytesColumn(fields[2], 'log id')).toString('hex'),
        partitions: countField(fields[3], 'partitions'),
        firstNumber: countField(fields[4], 'first number'),
      };
    case ControlRecordKind.edition:
      if (fields[2] === undefined) throw corruptRecord('it has no rule');
      return { kind: ControlRecordKind.edition, rule: fields[2] };
    case ControlRecordKind.rules:
      return {
        kind: ControlRecordKind.rules,
        after: countField(fields[2], 'the version before'),
        editions: arrayField(fields[3], 'editions').map((one) => countField(one, 'an edition')),
        foldVersion: countField(fields[4], 'fold version'),
        settings: settingsField(fields[5]),
        source: stringField(fields[6], 'source'),
        appliedAtUs: timeField(fields[7], 'appliedAt'),
      };
    case ControlRecordKind.acknowledgement:
      return {
        kind: ControlRecordKind.acknowledgement,
        losses: arrayField(fields[2], 'losses').map((one) => {
          const [partition, logId, samples] = arrayField(one, 'a loss');
          return {
            partition: countField(partition, 'a partition'),
            logId: Buffer.from(bytesColumn(logId, 'log id')).toString('hex'),
            samples: countField(samples, 'samples'),
          };
        }),
        note: stringField(fields[3], 'note'),
        acknowledgedAtUs: timeField(fields[4], 'acknowledgedAt'),
      };
    default:
      throw corruptRecord(`it has the unknown kind ${String(fields[1])}`);
  }
}
