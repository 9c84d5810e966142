import { recordDigest } from '@millrace/checkpoint';
import { compareAddress, fingerprintHex, formatAddress, type Piece } from '@millrace/model';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import { entryTexts, runFold } from '@millrace/transformer/testing';
import {
  decodeEventsRecord,
  decodeSeriesRecordHeader,
  EntryType,
  lastFolded,
  listEntries,
  type AddressedEntry,
  type LedgerEntry,
  type SeriesRecordHeader,
} from '@millrace/wire';
import type { SimRecord } from './log-oracle.ts';
import type { RecordedLog } from './recorded-log.ts';

/** The events of a partition, up to `end`. */
export function readEvents(log: RecordedLog, partition: number, end = Infinity): SimRecord[] {
  return log
    .records(TOPIC_EVENTS, partition)
    .slice(0, end)
    .map(({ payload, appendTimeUs }) => ({ record: decodeEventsRecord(payload), appendTimeUs }));
}

/**
 * Purity: whoever put it out, and however often, it is what one fold of the whole log puts out
 * there. Returns those entries.
 */
export function checkEntries(
  log: RecordedLog,
  partition: number,
  records: readonly SimRecord[],
  problems: string[],
): AddressedEntry[] {
  const say = (problem: string): void => void problems.push(`partition ${partition}: ${problem}`);
  const { entries } = runFold(records);
  const expected = new Map<string, string>();
  for (const [i, text] of entryTexts(entries).entries()) {
    expected.set(formatAddress(entries[i]!.address), text);
  }
  const found = new Set<string>();
  let isAlike = true;
  for (const { payload } of log.records(TOPIC_SERIES, partition)) {
    // Jobs have sequences of their own.
    const header = decodeSeriesRecordHeader(payload);
    if (header.source !== 'live') continue;
    if (!isOfLog(log, partition, header)) {
      say(`the record up to ${formatAddress(header.to)} tells another event than the log has`);
    }
    const published = listEntries(payload);
    for (const [i, text] of entryTexts(published).entries()) {
      const address = formatAddress(published[i]!.address);
      found.add(address);
      if (expected.get(address) === text || !isAlike) continue;
      isAlike = false;
      say(`another entry at ${address} than the log has`);
    }
  }
  // What was not committed when the run ended may be missing at the end, nothing before.
  const missing = [...expected.keys()].findIndex((address) => !found.has(address));
  if (missing >= 0 && missing < found.size) say(`the entry number ${missing} was left out`);
  checkOrder(entries, say);
  return entries;
}

/** By the digest of the event behind it: so the store recognises the log. */
function isOfLog(log: RecordedLog, partition: number, { to, folded }: SeriesRecordHeader): boolean {
  const [event] = log.records(TOPIC_EVENTS, partition, lastFolded(to));
  return event !== undefined && folded?.digest === recordDigest(event.payload);
}

/** The watermark never goes back, and a final piece is never put out again. */
function checkOrder(entries: readonly AddressedEntry[], say: (problem: string) => void): void {
  const finals = new Set<string>();
  let watermarkUs = -Infinity;
  for (const [i, { address, type, value }] of entries.entries()) {
    if (i > 0 && compareAddress(address, entries[i - 1]!.address) <= 0) {
      say(`two entries at ${formatAddress(address)}`);
    }
    if (type === EntryType.ledger) {
      const { watermarkUs: next } = value as LedgerEntry;
      if (next < watermarkUs) say('the watermark went back');
      watermarkUs = next;
    }
    if (type !== EntryType.open && type !== EntryType.final) continue;
    const key = pieceKey(value as Piece);
    if (finals.has(key)) say(`the final piece ${key} was changed`);
    if (type === EntryType.final) finals.add(key);
  }
}

export function pieceKey({ edition, fingerprint, widthUs, startUs, piece }: Piece): string {
  return [edition, fingerprintHex(fingerprint), widthUs, startUs, piece].join('/');
}
