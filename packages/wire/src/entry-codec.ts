import type { LedgerTotals, Piece, SamplesByReason } from '@millrace/model';
import { corruptRecord, arrayField } from './columns.ts';
import { pairsOf } from './events-record-codec.ts';
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
};

type Row = readonly unknown[];
type RowCodec<T> = { toRow(entry: T): Row; fromRow(row: Row): T };

/** Field orders are on the wire: only ever append. */
export const ROW_CODECS: { [K in RowEntryType]: RowCodec<RowEntries[K]> } = {
  [EntryType.histogram]: {
    toRow: (e) => [e.fingerprint, e.timeUs, e.flags, e.histogram],
    fromRow: ([fingerprint, timeUs, flags, histogram]) =>
      ({ fingerprint, timeUs, flags, histogram }) as RowEntries[typeof EntryType.histogram],
  },
  [EntryType.definition]: {
    toRow: (e) => [e.fingerprint, e.tenant, e.labels.flat(), e.kind, e.seenUs],
    fromRow: ([fingerprint, tenant, labels, kind, seenUs]) =>
      ({
        fingerprint,
        tenant,
        labels: pairsOf(arrayField(labels, 'labels') as string[]),
        kind,
        seenUs,
      }) as RowEntries[typeof EntryType.definition],
  },
  [EntryType.open]: { toRow: pieceRow, fromRow: rowPiece },
  [EntryType.final]: { toRow: pieceRow, fromRow: rowPiece },
  [EntryType.unverified]: {
    toRow: (e) => [e.tenant, e.fingerprint, e.timeUs, e.value, e.flags, e.receivedAtUs],
    fromRow: ([tenant, fingerprint, timeUs, value, flags, receivedAtUs]) =>
      ({
        tenant,
        fingerprint,
        timeUs,
        value,
        flags,
        receivedAtUs,
      }) as RowEntries[typeof EntryType.unverified],
  },
  [EntryType.deadLetter]: {
    toRow: (e) => [e.tenant, e.reason, e.detail, e.fingerprint, e.timeUs, e.value, e.receivedAtUs],
    fromRow: ([tenant, reason, detail, fingerprint, timeUs, value, receivedAtUs]) =>
      ({
        tenant,
        reason,
        detail,
        fingerprint,
        timeUs,
        value,
        receivedAtUs,
      }) as RowEntries[typeof EntryType.deadLetter],
  },
  [EntryType.ledger]: {
    toRow: (e) => [e.totals.map(totalsRow), e.partitionTimeUs, e.watermarkUs, e.position],
    fromRow: ([totals, partitionTimeUs, watermarkUs, position]) =>
      ({
        totals: (arrayField(totals, 'totals') as Row[]).map(rowTotals),
        partitionTimeUs,
        watermarkUs,
        position,
      }) as RowEntries[typeof EntryType.ledger],
  },
  [EntryType.exemplar]: {
    toRow: (e) => [e.fingerprint, e.timeUs, e.value, e.labels.flat()],
    fromRow: ([fingerprint, timeUs, value, labels]) =>
      ({
        fingerprint,
        timeUs,
        value,
        labels: pairsOf(arrayField(labels, 'labels') as string[]),
      }) as RowEntries[typeof EntryType.exemplar],
  },
  [EntryType.metadata]: {
    toRow: (e) => [e.tenant, e.metric, e.type, e.help, e.unit],
    fromRow: ([tenant, metric, type, help, unit]) =>
      ({ tenant, metric, type, help, unit }) as RowEntries[typeof EntryType.metadata],
  },
  [EntryType.edition]: {
    toRow: (e) => [
      e.edition,
      e.rule,
      e.definition,
      e.widthsUs,
      e.aggregates,
      e.fromPosition,
      e.fromPartitionTimeUs,
      e.fromLargestTimeUs,
      e.partitions,
    ],
    fromRow: ([
      edition,
      rule,
      definition,
      widthsUs,
      aggregates,
      fromPosition,
      fromPartitionTimeUs,
      fromLargestTimeUs = fromPartitionTimeUs,
      partitions = 0,
    ]) =>
      ({
        edition,
        rule,
        definition,
        widthsUs,
        aggregates,
        fromPosition,
        fromPartitionTimeUs,
        fromLargestTimeUs,
        partitions,
      }) as RowEntries[typeof EntryType.edition],
  },
  [EntryType.editionEnd]: {
    toRow: (e) => [e.edition, e.position, e.untilUs],
    fromRow: ([edition, position, untilUs]) =>
      ({ edition, position, untilUs }) as RowEntries[typeof EntryType.editionEnd],
  },
};

/** Which list of `Entries` holds the entries of a type. */
export const ENTRY_LISTS: { [K in RowEntryType]: Exclude<keyof Entries, 'samples'> } = {
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
};

const PIECE_FIELDS = [
  'edition',
  'fingerprint',
  'widthUs',
  'startUs',
  'piece',
  'count',
  'marked',
  'sum',
  'min',
  'max',
  'first',
  'firstTimeUs',
  'last',
  'lastTimeUs',
  'increase',
  'histogram',
  'distinct',
  'inputs',
] as const satisfies readonly (keyof Piece)[];

function pieceRow(piece: Piece): Row {
  return PIECE_FIELDS.map((field) => piece[field] ?? null);
}

function rowPiece(row: Row): Piece {
  if (row.length < PIECE_FIELDS.length) throw corruptRecord('a piece has too few fields');
  const fields = PIECE_FIELDS.map((field, i) => [field, row[i] ?? undefined]);
  return Object.fromEntries(fields) as Piece;
}

const TOTALS_FIELDS = [
  'tenant',
  'accepted',
  'stored',
  'duplicate',
  'conflict',
  'dropped',
  'unverified',
  'deadLetter',
] as const satisfies readonly (keyof LedgerTotals)[];

/** Fold version 1 puts out the fields above and no others. */
function totalsRow(totals: LedgerTotals): Row {
  const row = TOTALS_FIELDS.map((field) => totals[field]);
  if (totals.lost === undefined) return row;
  return [...row, totals.lost, (totals.droppedBy ?? []).map((one) => [...one])];
}

function rowTotals(row: Row): LedgerTotals {
  const totals = Object.fromEntries(
    TOTALS_FIELDS.map((field, i) => [field, row[i]]),
  ) as unknown as LedgerTotals;
  const [lost, droppedBy] = row.slice(TOTALS_FIELDS.length);
  if (lost === undefined) return totals;
  const reasons = arrayField(droppedBy, 'what was dropped') as SamplesByReason[];
  return { ...totals, lost: Number(lost), droppedBy: reasons };
}
