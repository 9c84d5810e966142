import { SampleKind } from '@millrace/model';
import { EventsRecordKind, REDRIVE_PROTOCOL, type DataRecord } from '@millrace/wire';
import { dataRecord, type LoggedRecord } from '@millrace/transformer/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AuditSettings } from '../audit-settings.ts';
import { plainLog } from '../testing/plain-log.ts';
import { addLetter, countMoves, loseRows, type MemoryRow } from '../testing/refuse-rows.ts';
import { storeLog, type StoredLog } from '../testing/stored-log.ts';

const BOTH: Partial<AuditSettings>[] = [{ isDeep: false }, { isDeep: true }];
const PLAIN = { isDeep: false };
const DEEP = { isDeep: true };

let stored: StoredLog;

describe.each(BOTH)('letters that are gone, %o', (how) => {
  beforeEach(async () => {
    stored = await storeLog([plainLog(0)]);
  });

  test('excuse so many rows, and the report says how many', async () => {
    loseRows(stored, 4, 9);
    countMoves(stored, { storedToDeadLetter: 2 });
    expect(await wrong(how)).toEqual(['row_missing 2']);
    countMoves(stored, { deadLetterToDropped: 2 });
    const { findings, notProven } = await stored.run(how);
    expect(findings).toEqual([]);
    expect(notProven.join()).toContain('2 rows are missing, as many dead letters were dropped');
    loseRows(stored, 15);
    expect(await wrong(how)).toEqual(['row_missing 1']);
  });

  test('excuse no more than are gone: others are there, each with a row of its own', async () => {
    const [first, second] = loseRows(stored, 4, 9, 15);
    countMoves(stored, { storedToDeadLetter: 3 });
    stored.database.expired.push({ table: 'dead_letters', beforeUs: 1 });
    addLetter(stored, first!);
    addLetter(stored, second!);
    expect(await wrong(how)).toEqual([]);
    loseRows(stored, 20);
    expect(await wrong(how)).toEqual(['row_missing 1']);
  });

  test('excuse nothing when they were sent again: what came of that has its row', async () => {
    countMoves(stored, { storedToDeadLetter: 3, deadLetterToDuplicate: 3 });
    stored.database.expired.push({ table: 'dead_letters', beforeUs: 1 });
    expect(await wrong(how)).toEqual([]);
    loseRows(stored, 4);
    expect(await wrong(how)).toEqual(['row_missing 1']);
  });

  test('excuse no rows when the fold had put them out', async () => {
    loseRows(stored, 4);
    countMoves(stored, { deadLetterToDropped: 1 });
    stored.database.expired.push({ table: 'dead_letters', beforeUs: 1 });
    expect(await wrong(how)).toEqual(['row_missing 1']);
  });

  test('excuse rows of all rounds together', async () => {
    const rounds = { ...how, samplesMax: how.isDeep === true ? 40 : 20 };
    // Of three series, which are in rounds of their own.
    loseRows(stored, 3, 4, 5);
    countMoves(stored, { storedToDeadLetter: 1, deadLetterToDropped: 1 });
    expect(await wrong(rounds)).toEqual(['row_missing 2']);
    countMoves(stored, { storedToDeadLetter: 3, deadLetterToDropped: 3 });
    expect(await wrong(rounds)).toEqual([]);
  });
});

describe('of a sample that was refused, and sent again', () => {
  let row: MemoryRow;
  beforeEach(async () => {
    stored = await storeLog([again(plainLog(0))]);
    [row] = stored.database.samples as [MemoryRow];
    countMoves(stored, { storedToDeadLetter: 1, stored: 1, duplicate: 2 });
  });

  test.each(BOTH)('the row of its second arrival must be there, %o', async (how) => {
    row.unverified = true;
    const letter = addLetter(stored, row, { isRedriven: true });
    countMoves(stored, { deadLetterToDuplicate: 1 });
    expect(await wrong(how)).toEqual([]);
    loseRows(stored, 0);
    expect(await wrong(how)).toEqual(['row_missing 1']);
    // It was in the log before anybody could mark it.
    letter.isRedriven = false;
    expect(await wrong(how)).toEqual(['row_missing 1']);
  });

  test.each(BOTH)('each arrival that was refused has a letter, %o', async (how) => {
    loseRows(stored, 0);
    countMoves(stored, { unverifiedToDeadLetter: 1, stored: 0, deadLetterToDuplicate: 1 });
    const first = addLetter(stored, row, { isRedriven: true });
    const last = addLetter(stored, row);
    expect(await wrong(how)).toEqual([]);
    // The first is not there any more; it is not the one that accounts for the row.
    const { deadLetters } = stored.database;
    deadLetters.splice(deadLetters.indexOf(first), 1);
    expect(await wrong(how)).toEqual([]);
    deadLetters.splice(deadLetters.indexOf(last), 1);
    expect(await wrong(how)).toEqual(['row_missing 1']);
    countMoves(stored, { deadLetterToDropped: 1 });
    expect(await wrong(how)).toEqual([]);
  });

  test('a letter that was sent again and is not applied yet accounts for its row', async () => {
    stored = await storeLog([plainLog(0)]);
    [row] = loseRows(stored, 7) as [MemoryRow];
    addLetter(stored, row, { isRedriven: true });
    countMoves(stored, { storedToDeadLetter: 1, deadLetterToDuplicate: 1 });
    expect(await wrong(PLAIN)).toEqual([]);
    expect(await wrong(DEEP)).toEqual([]);
  });
});

test('a letter accounts for one of two events of one time', async () => {
  const log = plainLog(0);
  const { appendTimeUs: timeUs } = log.at(-2)!;
  const event = { labels: { __name__: 'm', i: 'e' }, kind: SampleKind.event, timeUs };
  const samples = [1, 2].map((value) => ({ ...event, value }));
  const record = dataRecord({ samples, receivedAtUs: timeUs, sequence: 1 });
  stored = await storeLog([[...log.slice(0, -1), { record, appendTimeUs: timeUs }, log.at(-1)!]]);
  const { length } = stored.database.samples;
  const [row] = loseRows(stored, length - 2, length - 1);
  addLetter(stored, row!);
  countMoves(stored, { storedToDeadLetter: 1 });
  for (const how of BOTH) expect(await wrong(how)).toEqual(['row_missing 1']);
});

describe('what lies beside the samples', () => {
  beforeEach(async () => {
    const log = plainLog(0);
    const exemplar = { seriesIndex: 0, timeUs: 1_700_000_000_000_000 };
    const record = dataOf(log);
    for (const value of [1, 2]) record.exemplars.push({ ...exemplar, value, labels: [] });
    for (const metric of ['a', 'b', 'c']) {
      record.metadata.push({ metric, type: 'gauge', help: '', unit: '' });
    }
    stored = await storeLog([log]);
  });

  test('one letter accounts for one exemplar of its series and time', async () => {
    expect(await wrong(DEEP)).toEqual([]);
    const { exemplars } = stored.database;
    const [{ fingerprint, timeUs }] = exemplars.splice(0, 2) as [(typeof exemplars)[number]];
    const seriesId = Buffer.from(fingerprint.subarray(0, 8)).toString('hex');
    const at = { seriesId, timeUs, value: 1 };
    addLetter(stored, at, { entry: 'exemplar' });
    expect(await wrong(DEEP)).toEqual(['entry_missing 1']);
    addLetter(stored, at, { entry: 'exemplar' });
    expect(await wrong(DEEP)).toEqual([]);
  });

  test('refused metadata accounts for as many metrics, and the report says so', async () => {
    const { metadata } = stored.database;
    const [[key], [other, row]] = [...metadata] as [[string, unknown], [string, { help: string }]];
    metadata.delete(key);
    const [sample] = stored.database.samples;
    addLetter(stored, sample!, { entry: 'metadata' });
    const { findings, notProven } = await stored.run(DEEP);
    expect(findings).toEqual([]);
    expect(notProven).toEqual([expect.stringContaining('the metadata of 1 metrics is missing')]);
    metadata.set(other, { ...metadata.get(other)!, help: `not ${row.help}` });
    expect(await wrong(DEEP)).toEqual(['entry_differs 1']);
  });

  test('letters of another log or partition account for nothing', async () => {
    const [row] = loseRows(stored, 4);
    const letter = addLetter(stored, row!, { logId: 'ee'.repeat(16) });
    expect(await wrong(PLAIN)).toEqual(['row_missing 1']);
    Object.assign(letter, { logId: stored.database.marks[0]!.logId, partition: 1 });
    expect(await wrong(DEEP)).toEqual(['row_missing 1']);
  });
});

/** The kinds of what is wrong, and how many of each there are. */
async function wrong(how: Partial<AuditSettings>): Promise<string[]> {
  const { findings } = await stored.run(how);
  return findings.map(({ kind, count }) => `${kind} ${count}`);
}

function dataOf(log: readonly LoggedRecord[]): DataRecord {
  for (const { record } of log) if (record.kind === EventsRecordKind.data) return record;
  throw new Error('there is no data');
}

/** The first data comes once more, as dead letters that were sent again. */
function again(log: readonly LoggedRecord[]): LoggedRecord[] {
  const sent = { protocol: REDRIVE_PROTOCOL, sequence: 99, receiver: 'cd'.repeat(8) };
  const record = { ...dataOf(log), ...sent, acknowledgedSamples: 0, cumulativeSamples: 3 };
  const { appendTimeUs } = log.at(-2)!;
  return [...log.slice(0, -1), { record, appendTimeUs }, log.at(-1)!];
}
