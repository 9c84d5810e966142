import {
  DISPOSITIONS,
  FINGERPRINT_BYTES,
  type LabelSet,
  type LedgerTotals,
  type Piece,
  type SamplesByReason,
} from '@millrace/model';
import {
  arrayField,
  bytesColumn,
  corruptRecord,
  countField,
  labelsField,
  numberField,
  pairsField,
  stringField,
  textsField,
} from '../fields/columns.ts';
import { EntryType, type Entries } from './series-record.ts';

/** Entries that travel one by one, as MessagePack arrays; raw samples travel as columns. */
export type RowEntryType = Exclude<EntryType, typeof EntryType.sample>;

export type RowEntries = {
  [EntryType.histogram]: Entries['histograms'][number];
  [EntryType.definition]: Entries['definitions'][number];
  [EntryType.open]: Piece;
  [EntryType.final]: Piece;
  [EntryType.unverified]: Entries['unverified'][number];
  [EntryType.deadLetter]: Entries['deadLetters'][number];
  [EntryType.ledger]: Entries['ledger'][number];
  [EntryType.exemplar]: Entries['exemplars'][number];
  [EntryType.metadata]: Entries['metadata'][number];
  [EntryType.edition]: Entries['editions'][number];
  [EntryType.editionEnd]: Entries['editionEnds'][number];
  [EntryType.jobEnd]: Entries['jobEnds'][number];
};

type Row = readonly unknown[];
/** `fromRow` checks every field: what is no text or number would break whoever stores it. */
type RowCodec<T> = { toRow(entry: T): Row; fromRow(row: Row): T };

/** Of the definition that was read before. */
let labelsBefore: LabelSet = [];

/** Field orders are on the wire: only ever append. */
export const ROW_CODECS: { [K in RowEntryType]: RowCodec<RowEntries[K]> } = {
  [EntryType.histogram]: {
    toRow: (e) => [e.fingerprint, e.timeUs, e.flags, e.histogram],
    fromRow: ([fingerprint, timeUs, flags, histogram]) => ({
      fingerprint: fingerprintField(fingerprint),
      timeUs: numberField(timeUs, 'a time'),
      flags: countField(flags, 'flags'),
      histogram: bytesColumn(histogram, 'a histogram'),
    }),
  },
  [EntryType.definition]: {
    toRow: (e) => [e.fingerprint, e.tenant, flatLabels(e.labels), e.kind, e.seenUs],
    fromRow: ([fingerprint, tenant, labels, kind, seenUs]) => ({
      fingerprint: fingerprintField(fingerprint),
      tenant: stringField(tenant, 'a tenant'),
      labels: (labelsBefore = labelsField(labels, 'labels', labelsBefore)),
      kind: countField(kind, 'a kind'),
      seenUs: numberField(seenUs, 'a time'),
    }),
  },
  [EntryType.open]: { toRow: pieceRow, fromRow: rowPiece },
  [EntryType.final]: { toRow: pieceRow, fromRow: rowPiece },
  [EntryType.unverified]: {
    toRow: (e) => [e.tenant, e.fingerprint, e.timeUs, e.value, e.flags, e.receivedAtUs],
    fromRow: ([tenant, fingerprint, timeUs, value, flags, receivedAtUs]) => ({
      tenant: stringField(tenant, 'a tenant'),
      fingerprint: fingerprintField(fingerprint),
      timeUs: numberField(timeUs, 'a time'),
      value: numberField(value, 'a value'),
      flags: countField(flags, 'flags'),
      receivedAtUs: numberField(receivedAtUs, 'a time'),
    }),
  },
  [EntryType.deadLetter]: {
    toRow: (e) => [e.tenant, e.reason, e.detail, e.fingerprint, e.timeUs, e.value, e.receivedAtUs],
    fromRow: ([tenant, reason, detail, fingerprint, timeUs, value, receivedAtUs]) => ({
      tenant: stringField(tenant, 'a tenant'),
      reason: stringField(reason, 'a reason'),
      detail: stringField(detail, 'a detail'),
      fingerprint: fingerprintField(fingerprint),
      timeUs: numberField(timeUs, 'a time'),
      value: numberField(value, 'a value'),
      receivedAtUs: numberField(receivedAtUs, 'a time'),
    }),
  },
  [EntryType.ledger]: {
    toRow: (e) => [e.totals.map(totalsRow), e.partitionTimeUs, e.watermarkUs, e.position],
    fromRow: ([totals, partitionTimeUs, watermarkUs, position]) => ({
      totals: arrayField(totals, 'totals').map(rowTotals),
      partitionTimeUs: numberField(partitionTimeUs, 'a partition time'),
      watermarkUs: numberField(watermarkUs, 'a watermark'),
      position: countField(position, 'a position'),
    }),
  },
  [EntryType.exemplar]: {
    toRow: (e) => [e.fingerprint, e.timeUs, e.value, flatLabels(e.labels)],
    fromRow: ([fingerprint, timeUs, value, labels]) => ({
      fingerprint: fingerprintField(fingerprint),
      timeUs: numberField(timeUs, 'a time'),
      value: numberField(value, 'a value'),
      labels: pairsField(labels, 'labels'),
    }),
  },
  [EntryType.metadata]: {
    toRow: (e) => [e.tenant, e.metric, e.type, e.help, e.unit],
    fromRow: (row) => {
      const [tenant = '', metric = '', type = '', help = '', unit = ''] = textsField(
        row,
        'metadata',
      );
      return { tenant, metric, type, help, unit };
    },
  },
  [EntryType.edition]: { toRow: editionRow, fromRow: rowEdition },
  [EntryType.editionEnd]: {
    toRow: (e) => [e.edition, e.position, e.untilUs],
    fromRow: ([edition, position, untilUs]) => ({
      edition: countField(edition, 'an edition'),
      position: countField(position, 'a position'),
      untilUs: numberField(untilUs, 'a time'),
    }),
  },
  [EntryType.jobEnd]: {
    toRow: (e) => [
      e.candidate,
      e.position,
      e.partitions,
      e.editions.map(({ edition, fromUs }) => [edition, fromUs]),
    ],
    fromRow: ([candidate, position, partitions, editions]) => ({
      candidate: countField(candidate, 'a candidate'),
      position: countField(position, 'a position'),
      partitions: countField(partitions, 'partitions'),
      editions: arrayField(editions, 'editions').map(jobEdition),
    }),
  },
};

/** Which list of `Entries` holds the entries of a type. */
export const ENTRY_LISTS: {
  [K in RowEntryType]: Exclude<keyof Entries, 'samples' | 'openColumns' | 'finalColumns'>;
} = {
  [EntryType.histogram]: 'histograms',
  [EntryType.definition]: 'definitions',
  [EntryType.open]: 'open',
  [EntryType.final]: 'finals',
  [EntryType.unverified]: 'unverified',
  [EntryType.deadLetter]: 'deadLetters',
  [EntryType.ledger]: 'ledger',
  [EntryType.exemplar]: 'exemplars',
  [EntryType.metadata]: 'metadata',
  [EntryType.edition]: 'editions',
  [EntryType.editionEnd]: 'editionEnds',
  [EntryType.jobEnd]: 'jobEnds',
};

/** Names and values by turns. `flat` takes several times as long, and a million may come at once. */
function flatLabels(labels: readonly (readonly [name: string, value: string])[]): string[] {
  const flat: string[] = [];
  for (const [name, value] of labels) flat.push(name, value);
  return flat;
}

function jobEdition(value: unknown): RowEntries[typeof EntryType.jobEnd]['editions'][number] {
  const [edition, fromUs] = arrayField(value, 'an edition');
  return {
    edition: countField(edition, 'an edition'),
    fromUs: arrayField(fromUs, 'times').map((one) => numberField(one, 'a time')),
  };
}

function editionRow(e: RowEntries[typeof EntryType.edition]): Row {
  return [
    e.edition,
    e.rule,
    e.definition,
    e.widthsUs,
    e.aggregates,
    e.fromPosition,
    e.fromPartitionTimeUs,
    e.fromLargestTimeUs,
    e.partitions,
    ...(e.candidate === undefined ? [] : [e.candidate]),
  ];
}

function rowEdition([
  edition,
  rule,
  definition,
  widthsUs,
  aggregates,
  fromPosition,
  fromPartitionTimeUs,
  fromLargestTimeUs = fromPartitionTimeUs,
  partitions = 0,
  candidate,
]: Row): RowEntries[typeof EntryType.edition] {
  return {
    edition: countField(edition, 'an edition'),
    rule: stringField(rule, 'a rule'),
    definition: stringField(definition, 'a definition'),
    widthsUs: arrayField(widthsUs, 'widths').map((width) => countField(width, 'a width')),
    aggregates: textsField(aggregates, 'aggregates'),
    fromPosition: countField(fromPosition, 'a position'),
    fromPartitionTimeUs: numberField(fromPartitionTimeUs, 'a partition time'),
    fromLargestTimeUs: numberField(fromLargestTimeUs, 'a time'),
    partitions: countField(partitions, 'partitions'),
    ...(candidate === undefined ? {} : { candidate: countField(candidate, 'a candidate') }),
  };
}

const PIECE_FIELDS = 18;

function pieceRow(e: Piece): Row {
  return [
    e.edition,
    e.fingerprint,
    e.widthUs,
    e.startUs,
    e.piece,
    e.count,
    e.marked,
    e.sum ?? null,
    e.min ?? null,
    e.max ?? null,
    e.first ?? null,
    e.firstTimeUs ?? null,
    e.last ?? null,
    e.lastTimeUs ?? null,
    e.increase ?? null,
    e.histogram ?? null,
    e.distinct ?? null,
    e.inputs ?? null,
  ];
}

function rowPiece(row: Row): Piece {
  if (row.length < PIECE_FIELDS) throw corruptRecord('a piece has too few fields');
  const marked = row[6];
  if (typeof marked !== 'boolean') throw corruptRecord('a piece is neither marked nor not');
  return {
    edition: countField(row[0], 'an edition'),
    fingerprint: fingerprintField(row[1]),
    widthUs: countField(row[2], 'a width'),
    startUs: numberField(row[3], 'a start'),
    piece: countField(row[4], 'a piece'),
    count: countField(row[5], 'a count'),
    marked,
    sum: numberOrNone(row[7]),
    min: numberOrNone(row[8]),
    max: numberOrNone(row[9]),
    first: numberOrNone(row[10]),
    firstTimeUs: numberOrNone(row[11]),
    last: numberOrNone(row[12]),
    lastTimeUs: numberOrNone(row[13]),
    increase: numberOrNone(row[14]),
    histogram: bytesOrNone(row[15]),
    distinct: bytesOrNone(row[16]),
    inputs: bytesOrNone(row[17]),
  };
}

function numberOrNone(value: unknown): number | undefined {
  return value === null ? undefined : numberField(value, 'a number of a piece');
}

function bytesOrNone(value: unknown): Uint8Array | undefined {
  return value === null ? undefined : bytesColumn(value, 'a sketch of a piece');
}

function fingerprintField(value: unknown): Uint8Array {
  const fingerprint = bytesColumn(value, 'a fingerprint');
  if (fingerprint.length === FINGERPRINT_BYTES) return fingerprint;
  throw corruptRecord(`a fingerprint has ${fingerprint.length} bytes`);
}

const TOTALS_FIELDS = [
  'accepted',
  ...DISPOSITIONS,
] as const satisfies readonly (keyof LedgerTotals)[];

/** Fold version 1 puts out the fields above and no others. */
function totalsRow(totals: LedgerTotals): Row {
  const row = [totals.tenant, ...TOTALS_FIELDS.map((field) => totals[field])];
  if (totals.lost === undefined) return row;
  return [...row, totals.lost, (totals.droppedBy ?? []).map((one) => [...one])];
}

function rowTotals(value: unknown): LedgerTotals {
  const [tenant, ...counts] = arrayField(value, 'totals of a tenant');
  const fields = TOTALS_FIELDS.map((field, i) => [field, countField(counts[i], field)]);
  const totals = {
    tenant: stringField(tenant, 'a tenant'),
    ...(Object.fromEntries(fields) as Record<(typeof TOTALS_FIELDS)[number], number>),
  };
  const [lost, droppedBy] = counts.slice(TOTALS_FIELDS.length);
  if (lost === undefined) return totals;
  const reasons = arrayField(droppedBy, 'what was dropped').map(reasonField);
  return { ...totals, lost: countField(lost, 'lost'), droppedBy: reasons };
}

function reasonField(value: unknown): SamplesByReason {
  const [reason, samples] = arrayField(value, 'a reason');
  return [stringField(reason, 'a reason'), countField(samples, 'samples')];
}
