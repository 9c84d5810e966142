import { COMPLETE_DEFAULTS, completeMarked } from '@millrace/complete';
import { createMemoryCompletionStore } from '@millrace/store/memory';
import { openMemoryStream } from '@millrace/stream/memory';
import { TIGHT_SETTINGS, variedLog, type LoggedRecord } from '@millrace/transformer/testing';
import { EventsRecordKind } from '@millrace/wire';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { AuditReport } from '../report.ts';
import { storeLog, type StoredLog } from '../testing/stored-log.ts';

const HOUR_US = 3_600_000_000;
const DEEP = { isDeep: true };
const PARTITIONS = [0, 1];

let stored: StoredLog;
let rows: Map<string, object>;
let before: AuditReport;

/** A log behind which all windows are over, and put out. */
function overLog(partition: number): LoggedRecord[] {
  const settings = { ...TIGHT_SETTINGS, pieceInputsMax: 1000 };
  const log = variedLog(400 + partition, { records: 80, settings });
  // A metric's metadata comes to one partition, and these logs have the same metrics.
  for (const { record } of log) if ('metadata' in record) record.metadata = [];
  const endUs = log.at(-1)!.appendTimeUs;
  for (const us of [3 * HOUR_US, 4 * HOUR_US]) {
    const appendTimeUs = endUs + us;
    log.push({ record: { kind: EventsRecordKind.tick, receivedAtUs: appendTimeUs }, appendTimeUs });
  }
  return log;
}

async function complete(isAgain = false): Promise<void> {
  const { log, database } = stored;
  const stream = openMemoryStream(log);
  const store = createMemoryCompletionStore(database);
  const settings = { ...COMPLETE_DEFAULTS, isAgain, logWaitMsMax: 500 };
  const report = await completeMarked({ stream, store, clock: log.clock }, settings);
  expect(report.notCompletable).toBe(0);
  await stream.close();
}

beforeAll(async () => {
  stored = await storeLog(PARTITIONS.map(overLog));
  stored.beginControl();
  before = await stored.run(DEEP);
  await complete();
  rows = structuredClone(stored.database.complete);
});
beforeEach(() => {
  const { complete: known } = stored.database;
  known.clear();
  for (const [name, row] of structuredClone(rows)) known.set(name, row as never);
});

test('what is marked is told', () => {
  expect(before.findings).toEqual([]);
  const told =
    /^(1 window that is|\d+ windows that are) over (is|are) marked: .*"millrace reprocess --marked"/;
  expect(before.notes).toEqual([expect.stringMatching(told)]);
  expect(before.rows).not.toHaveProperty('completed');
});

test('what was computed again is compared, and nothing is told of it', async () => {
  const report = await stored.run(DEEP);
  expect(report).toMatchObject({ outcome: 'proven', findings: [], notes: [] });
  expect(report.rows['completed']).toBe(rows.size);
});

test('a row that was changed is named, and made again as it says', async () => {
  const row = [...stored.database.complete.values()].find((one) => one.sum !== undefined)!;
  const sum = row.sum!;
  row.sum = 12_345;
  const report = await stored.run(DEEP);
  expect(report).toMatchObject({
    outcome: 'broken',
    findings: [{ kind: 'entry_differs', count: 1 }],
  });
  const [finding] = report.findings;
  const seriesId = Buffer.from(row.seriesId).readBigInt64BE().toString();
  expect(finding).toMatchObject({ seriesId, expected: `sum ${sum}`, found: 'sum 12345' });
  expect(finding!.message).toMatch(/^The window .* was computed again, .*--marked --again"/);
  await complete(true);
  expect(await stored.run(DEEP)).toMatchObject({ outcome: 'proven' });
});

test('a row that is gone shows its window as marked, and the report says that one is', async () => {
  const marked = stored.database.finals.find((one) => one.marked)!;
  const series = Buffer.from(marked.fingerprint.subarray(0, 8)).toString('hex');
  const name = [marked.edition, series, marked.widthUs, marked.startUs].join(' ');
  expect(stored.database.complete.delete(name)).toBe(true);
  const report = await stored.run(DEEP);
  expect(report.notes).toEqual([expect.stringMatching(/^1 windows? /)]);
});

test('of one partition alone it compares those of no other, and tells of the rest', async () => {
  const all = await stored.run(DEEP);
  const one = await stored.run({ ...DEEP, partition: 0 });
  // Receivers would not have sent a series to both: of raw rows something is told.
  const ofWindows = ({ findings }: AuditReport) =>
    findings.filter(({ kind }) => kind.startsWith('entry_'));
  expect(ofWindows(one)).toEqual([]);
  expect(one.rows['completed']).toBeGreaterThan(10);
  const [told, ...others] = one.notProven.filter((text) => text.includes('computed again'));
  expect(others).toEqual([]);
  expect(told).toMatch(
    /^\d+ windows .* were not compared: .* than 0\. "millrace audit --deep" .* without --partition/,
  );
  expect(one.rows['completed']! + Number.parseInt(told!, 10)).toBe(all.rows['completed']);

  const { complete: known, finals } = stored.database;
  const [name, row] = [...known].find(([, { sum, widthUs, startUs, edition, seriesId }]) => {
    const pieces = finals.filter(
      (piece) =>
        piece.edition === edition &&
        piece.widthUs === widthUs &&
        piece.startUs === startUs &&
        Buffer.compare(piece.fingerprint.subarray(0, 8), seriesId) === 0,
    );
    return sum !== undefined && pieces.every(({ partition }) => partition === 0);
  })!;
  known.set(name, { ...row, sum: row.sum! + 1 });
  const damaged = await stored.run({ ...DEEP, partition: 0 });
  expect(ofWindows(damaged)).toMatchObject([{ kind: 'entry_differs', count: 1 }]);
  expect(ofWindows(await stored.run({ ...DEEP, partition: 1 }))).toEqual([]);
});
