import { leaveOutLabels, variedLog } from '@millrace/transformer/testing';
import { beforeEach, expect, test } from 'vitest';
import { countMoves } from '../testing/refuse-rows.ts';
import { storeLog, type StoredLog } from '../testing/stored-log.ts';

const DEEP = { isDeep: true };

let stored: StoredLog;
beforeEach(async () => {
  // Some records are lost with the labels that they defined.
  const log = leaveOutLabels(variedLog(1, { records: 200 }));
  stored = await storeLog([log.filter((one, i) => !('values' in one.record) || i % 5 !== 4)]);
});

test('each letter of the fold is there, in one round or in many', async () => {
  expect(stored.database.deadLetters.length).toBeGreaterThan(3);
  const { findings, rows } = await stored.run(DEEP);
  expect(findings).toEqual([]);
  expect(rows['letters']).toBe(stored.database.deadLetters.length);
  const inRounds = await stored.run({ ...DEEP, samplesMax: 200 });
  expect(inRounds.findings).toEqual([]);
  expect(inRounds.rows).toEqual(rows);
});

test('one that is gone, is of another sample, or is there twice is named', async () => {
  const { deadLetters } = stored.database;
  const [gone] = deadLetters.splice(1, 1);
  const { findings } = await stored.run(DEEP);
  expect(findings).toMatchObject([{ kind: 'entry_missing', count: 1, tenant: gone!.tenant }]);
  expect(findings[0]!.offset).toBeGreaterThan(0);
  expect(findings[0]!.message).toMatch(/^The dead letter \(series_undefined\) of series -?\d+ at /);
  deadLetters.push({ ...gone!, value: 12_345 });
  expect(await kinds()).toEqual(['entry_missing 1', 'entry_unexpected 1']);
  deadLetters.push({ ...gone! });
  expect(await kinds()).toEqual(['entry_unexpected 1']);
  deadLetters.splice(-2, 1, { ...gone! });
  expect(await kinds()).toEqual(['entry_unexpected 1']);
});

test('those that a person dropped are excused one by one, and the report says so', async () => {
  stored.database.deadLetters.splice(1, 4);
  countMoves(stored, { deadLetterToDropped: 2 });
  expect(await kinds()).toEqual(['entry_missing 2']);
  // Sent again before it was dropped, one is counted as that.
  countMoves(stored, { deadLetterToDuplicate: 1 });
  expect(await kinds()).toEqual(['entry_missing 1']);
  countMoves(stored, { deadLetterToDropped: 3 });
  const { findings, notProven } = await stored.run(DEEP);
  expect(findings).toEqual([]);
  expect(notProven.join()).toContain('4 dead letters of the fold are not there');
});

test('one that was sent again is there, and excuses no other', async () => {
  const { deadLetters } = stored.database;
  deadLetters[0]!.isRedriven = true;
  countMoves(stored, { deadLetterToDuplicate: 1 });
  expect(await kinds()).toEqual([]);
  deadLetters.splice(1, 1);
  expect(await kinds()).toEqual(['entry_missing 1']);
});

test('of those that may have expired none is missed, of younger ones each', async () => {
  const { deadLetters, expired } = stored.database;
  const received = deadLetters.map(({ receivedAtUs }) => receivedAtUs).sort((a, b) => a - b);
  const [first] = received;
  stored.database.deadLetters = deadLetters.filter(({ receivedAtUs }) => receivedAtUs !== first);
  expired.push({ table: 'dead_letters', beforeUs: first! + 1 });
  expect(await kinds()).toEqual([]);
  expired.splice(0, 1, { table: 'dead_letters', beforeUs: first! - 300_000_000 });
  expect((await kinds()).join()).toMatch(/^entry_missing \d+$/);
});

/** The kinds of what is wrong, and how many of each there are. */
async function kinds(): Promise<string[]> {
  return (await stored.run(DEEP)).findings.map(({ kind, count }) => `${kind} ${count}`);
}
