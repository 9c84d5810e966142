import { TIGHT_SETTINGS, variedLog } from '@millrace/transformer/testing';
import { beforeEach, expect, test } from 'vitest';
import type { Finding } from '../report.ts';
import { addLetter, countMoves } from '../testing/refuse-rows.ts';
import { storeLog, type StoredLog } from '../testing/stored-log.ts';

let stored: StoredLog;
beforeEach(async () => {
  const settings = { ...TIGHT_SETTINGS };
  stored = await storeLog([variedLog(4, { records: 300, settings, changes: 0.02 })]);
});

test('there is something of each', () => {
  const { exemplars, metadata, editionEnds } = stored.database;
  expect(Math.min(exemplars.length, metadata.size, editionEnds.length)).toBeGreaterThan(0);
});

test('an exemplar that is gone, is another one, or is there twice', async () => {
  const { exemplars } = stored.database;
  const [gone] = exemplars.splice(1, 1);
  const missing = await only('entry_missing');
  expect(missing.message).toMatch(/^An exemplar of series -?\d+ at .* is not stored\.$/);
  expect(missing).toMatchObject({ count: 1, partition: 0, offset: expect.any(Number) });
  exemplars.push(gone!, { ...exemplars[0]! });
  expect((await only('entry_unexpected')).message).toContain('the log has no such');
  exemplars.pop();
  exemplars[0] = { ...exemplars[0]!, labels: [['a', 'c']] };
  expect(await kinds()).toEqual(['entry_missing', 'entry_unexpected']);
});

test('an exemplar that the store refused is accounted for by its dead letter', async () => {
  const { exemplars, deadLetters, marks } = stored.database;
  const [{ fingerprint, timeUs, value } = exemplars[0]!] = exemplars.splice(1, 1);
  const letter = { tenant: 'default', reason: 'store_refused', detail: '', receivedAtUs: 0 };
  const { logId } = marks[0]!;
  deadLetters.push({ ...letter, fingerprint, timeUs, value, logId, partition: 0 });
  // As a letter of a sample it says nothing of exemplars.
  expect(await kinds()).toEqual(['entry_missing']);
  deadLetters.at(-1)!.entry = 'exemplar';
  expect(await kinds()).toEqual([]);
});

test('an unverified sample that the store refused is accounted for by its letter', async () => {
  const { unverified } = stored.database;
  const [first] = unverified.splice(0, 2);
  const { fingerprint, timeUs, value } = first!;
  const seriesId = Buffer.from(fingerprint.subarray(0, 8)).toString('hex');
  addLetter(stored, { seriesId, timeUs, value }, { entry: 'unverified sample' });
  expect(await only('entry_missing')).toMatchObject({ count: 1 });
  countMoves(stored, { unverifiedToDeadLetter: 2, deadLetterToDropped: 1 });
  expect(await kinds()).toEqual([]);
});

test('metadata that differs, is gone, or belongs to nothing', async () => {
  const { metadata } = stored.database;
  const [[key, row] = ['', undefined]] = metadata;
  metadata.set(key, { ...row!, help: 'other' });
  const differs = await only('entry_differs');
  expect(differs.message).toContain(`The metadata of ${row!.metric} (tenant ${row!.tenant})`);
  expect(differs.found).toContain('"help":"other"');
  metadata.delete(key);
  expect((await only('entry_missing')).expected).toContain(`"help":"${row!.help}"`);
  metadata.set(key, row!);
  metadata.set('default nobody', { ...row!, metric: 'nobody' });
  expect((await only('entry_unexpected')).message).toContain('The metadata of nobody');
});

test('an edition, or where it begins or ends', async () => {
  const { editions, editionStarts, editionEnds } = stored.database;
  const [[number, edition] = [0, undefined]] = editions;
  editions.set(number, { ...edition!, definition: '{"name":"other"}' });
  expect((await only('entry_differs')).message).toContain(`edition ${number} of rule`);
  editions.delete(number);
  expect((await only('entry_missing')).message).toContain(`lacks edition ${number}`);
  editions.set(number, edition!);
  editionStarts[0]!.fromLargestTimeUs += 1;
  expect((await only('entry_differs')).message).toContain('the beginning of edition');
  editionStarts[0]!.fromLargestTimeUs -= 1;
  const end = editionEnds.pop()!;
  expect((await only('entry_missing')).offset).toBe(end.position);
  editionEnds.push(end, { ...end, edition: 99 });
  expect((await only('entry_unexpected')).message).toContain('the end of edition 99');
});

test('what is served is not compared while an edition has not begun everywhere', async () => {
  const { editionStarts } = stored.database;
  const said = async () => (await stored.run({ isDeep: true })).notProven.join(' ');
  expect(await said()).not.toContain('what is served');
  editionStarts[0]!.partitions += 1;
  expect(await said()).toMatch(/Rule \S+: what is served was not compared, because not every/);
});

async function only(kind: Finding['kind']): Promise<Finding> {
  const { findings, outcome } = await stored.run({ isDeep: true });
  expect(findings.map((finding) => finding.kind)).toEqual([kind]);
  expect(outcome).toBe('broken');
  return findings[0]!;
}

async function kinds(): Promise<Finding['kind'][]> {
  return (await stored.run({ isDeep: true })).findings.map(({ kind }) => kind);
}
