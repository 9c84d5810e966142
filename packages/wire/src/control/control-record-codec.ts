import { encode } from '@msgpack/msgpack';
import {
  arrayField,
  booleanField,
  bytesColumn,
  corruptRecord,
  countField,
  decodeFields,
  numberField,
  stringField,
  timeField,
  unknownVersion,
} from '../fields/columns.ts';
import { settingsField } from '../events/fold-settings.ts';
import {
  CONTROL_RECORD_VERSION,
  ControlRecordKind,
  type ControlCandidate,
  type ControlRecord,
  type ControlRulesRecord,
} from './control-record.ts';

/*
 * A record is one MessagePack array, the version first, then the kind:
 *
 *   log      [1, 0, logId bin16, partitions, first number]
 *   edition  [1, 1, rule {…}]
 *   rules    [1, 2, after, [edition], fold version, settings {…}, source, appliedAt µs]
 *   acknowledgement [1, 3, [[partition, logId bin16, samples]], note, acknowledgedAt µs]
 *   jobs     [1, 4, candidate, is paused, samples a second at most, changedAt µs]
 *   archive  [3, 5, archiveId bin16 or nil, where, changedAt µs]
 *
 * Rules with candidates are version 2, and end with [[number, [edition], source, since µs]]: a
 * program of before would bring others into force without them. One that begins may have the
 * samples a second of its jobs behind these; a program of before folds as fast as it can. The
 * archive is version 3, so that a program of before says that a newer one wrote it.
 */

const FIRST_VERSION = 1;
const CANDIDATES_VERSION = 2;
const ARCHIVE_VERSION = 3;
const VERSIONS: readonly unknown[] = [FIRST_VERSION, CANDIDATES_VERSION, ARCHIVE_VERSION];

/** The bytes of a record. */
export function encodeControlRecord(record: ControlRecord): Uint8Array {
  const head = [FIRST_VERSION, record.kind];
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
      return encode(rulesFields(record));
    case ControlRecordKind.acknowledgement:
      return encode([
        ...head,
        record.losses.map(({ partition, logId, samples }) => {
          return [partition, Buffer.from(logId, 'hex'), samples];
        }),
        record.note,
        record.acknowledgedAtUs,
      ]);
    case ControlRecordKind.jobs: {
      const { candidate, isPaused, samplesPerSecondMax, changedAtUs } = record;
      return encode([...head, candidate, isPaused, samplesPerSecondMax, changedAtUs]);
    }
    case ControlRecordKind.archive: {
      const { archiveId, where, changedAtUs } = record;
      const id = archiveId === undefined ? null : Buffer.from(archiveId, 'hex');
      return encode([ARCHIVE_VERSION, record.kind, id, where, changedAtUs]);
    }
  }
}

function rulesFields(record: ControlRulesRecord): unknown[] {
  const { kind, after, editions, foldVersion, settings, source, appliedAtUs } = record;
  const { candidates = [] } = record;
  const fields = [kind, after, editions, foldVersion, settings, source, appliedAtUs];
  if (candidates.length === 0) return [FIRST_VERSION, ...fields];
  const beside = candidates.map((one) => {
    const always = [one.number, one.editions, one.source, one.sinceUs];
    return one.samplesPerSecondMax === undefined ? always : [...always, one.samplesPerSecondMax];
  });
  return [CANDIDATES_VERSION, ...fields, beside];
}

/**
 * Reads a record.
 *
 * @throws MillraceError (permanent) when a newer release wrote it, or when it is damaged.
 */
export function decodeControlRecord(bytes: Uint8Array): ControlRecord {
  const fields = decodeFields(bytes);
  if (!VERSIONS.includes(fields[0])) {
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
      return decodeRules(fields);
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
    case ControlRecordKind.jobs:
      return {
        kind: ControlRecordKind.jobs,
        candidate: countField(fields[2], 'a candidate'),
        isPaused: booleanField(fields[3], 'paused'),
        samplesPerSecondMax: countField(fields[4], 'samples a second'),
        changedAtUs: timeField(fields[5], 'changedAt'),
      };
    case ControlRecordKind.archive:
      return {
        kind: ControlRecordKind.archive,
        archiveId: archiveIdField(fields[2]),
        where: stringField(fields[3], 'where'),
        changedAtUs: timeField(fields[4], 'changedAt'),
      };
    default:
      throw corruptRecord(`it has the unknown kind ${String(fields[1])}`);
  }
}

function archiveIdField(value: unknown): string | undefined {
  if (value === null) return undefined;
  return Buffer.from(bytesColumn(value, 'archive id')).toString('hex');
}

function decodeRules(fields: unknown[]): ControlRulesRecord {
  const record: ControlRulesRecord = {
    kind: ControlRecordKind.rules,
    after: countField(fields[2], 'the version before'),
    editions: editionsField(fields[3]),
    foldVersion: countField(fields[4], 'fold version'),
    settings: settingsField(fields[5]),
    source: stringField(fields[6], 'source'),
    appliedAtUs: timeField(fields[7], 'appliedAt'),
  };
  const candidates = arrayField(fields[8] ?? [], 'candidates').map(candidateField);
  return candidates.length === 0 ? record : { ...record, candidates };
}

function editionsField(value: unknown): number[] {
  return arrayField(value, 'editions').map((one) => countField(one, 'an edition'));
}

function candidateField(value: unknown): ControlCandidate {
  const [number, editions, source, sinceUs, rate] = arrayField(value, 'a candidate');
  const samplesPerSecondMax = rate === undefined ? undefined : countField(rate, 'samples a second');
  return {
    number: countField(number, 'a version'),
    editions: editionsField(editions),
    source: stringField(source, 'source'),
    sinceUs: numberField(sinceUs, 'since'),
    ...(samplesPerSecondMax === undefined ? {} : { samplesPerSecondMax }),
  };
}
