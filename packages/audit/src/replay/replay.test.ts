import type { RepairResult, Repairs, StoreRepairer } from '@millrace/store';
import { TOPIC_EVENTS } from '@millrace/stream';
import { variedLog } from '@millrace/transformer/testing';
import { beforeEach, expect, test } from 'vitest';
import { storeLog, type StoredLog } from '../testing/stored-log.ts';

let stored: StoredLog;
beforeEach(async () => {
  stored = await storeLog([variedLog(4, { records: 300 })]);
});

const NOTHING = { missing: 0, changed: 0, unexpected: 0 };

/** Notes what it is asked for; with a result it pretends to have done so. */
function noting(result: RepairResult): StoreRepairer & { asked: Repairs[] } {
  const asked: Repairs[] = [];
  return {
    asked,
    repair: async (repairs) => {
      asked.push(repairs);
      return result;
    },
    close: async () => undefined,
  };
}

const REFUSED: RepairResult = { repaired: 0, passedOver: 0, refused: 1, refusal: 'no fives' };

test('a healthy store is what the log says', async () => {
  const { outcome, tables } = await stored.replay();
  expect(outcome).toBe('same');
  for (const table of Object.values(tables)) expect(table).toMatchObject(NOTHING);
  expect(tables.samples.rows).toBe(stored.database.samples.length);
});

test('each row that is otherwise is told, and what is to be done', async () => {
  const { samples, histograms, finals } = stored.database;
  samples.splice(5, 1);
  const changed = samples.find(({ value }) => value !== undefined && value !== 77)!;
  changed.value = 77;
  samples.push({ ...samples[9]!, timeUs: samples[9]!.timeUs + 1 });
  histograms.splice(0, 1);
  finals[0]!.count += 1;
  const [piece] = finals.splice(3, 1);
  const repairer = noting(REFUSED);
  await expect(stored.replay({}, { repairer })).rejects.toMatchObject({
    code: 'REPLAY_UNREPAIRED',
    message: expect.stringContaining('no fives'),
  });
  // What is refused is refused again: it is asked for once.
  expect(repairer.asked).toHaveLength(1);
  const {
    counts,
    pieces,
    histograms: missing,
  } = repairer.asked[0] as Repairs & {
    counts: Record<string, unknown>;
  };
  expect(counts).toMatchObject({
    samples: { missing: 1, changed: 1, unexpected: 1 },
    histograms: { missing: 1 },
    windows: { missing: 1, changed: 1, unexpected: 0 },
  });
  expect(missing[0]!.insert?.histogram?.length).toBeGreaterThan(0);
  const inserted = pieces.find(({ remove }) => remove === undefined)!.insert;
  expect(inserted).toMatchObject({ startUs: piece!.startUs, count: piece!.count, isFinal: true });
  expect((await stored.replay()).outcome).toBe('different');
});

test('only what lies in the range is looked at, however much differs elsewhere', async () => {
  const times = stored.database.samples.map(({ timeUs }) => timeUs).sort((a, b) => a - b);
  const middle = times[Math.floor(times.length / 2)]!;
  const { samples } = stored.database;
  const older = samples.filter(({ timeUs }) => timeUs < middle).length;
  stored.database.samples = samples.filter(({ timeUs }) => timeUs >= middle);
  expect((await stored.replay({ sinceUs: middle })).outcome).toBe('same');
  const { outcome, tables } = await stored.replay({ untilUs: middle });
  expect(outcome).toBe('different');
  expect(tables.samples).toMatchObject({ missing: older, changed: 0, unexpected: 0 });
  await expect(stored.replay({ sinceUs: 5, untilUs: 5 })).rejects.toMatchObject({
    code: 'REPLAY_RANGE',
  });
});

test('what no row tells is a finding all the same', async () => {
  const [ledger] = stored.database.totals.values();
  ledger!.duplicate += 1;
  const { outcome, findings } = await stored.replay();
  expect(outcome).toBe('beside');
  expect(findings).toMatchObject([{ kind: 'ledger_count' }]);
});

test('by another log, or one that lost records, nothing is repaired', async () => {
  const repairer = noting(REFUSED);
  const shorter = stored.copy({ without: { topic: TOPIC_EVENTS, offset: 100 } });
  await expect(stored.replay({}, { log: shorter, repairer })).rejects.toMatchObject({
    code: 'REPLAY_LOG_SHORT',
  });
  // Its first record names none.
  const foreign = stored.copy({ without: { topic: TOPIC_EVENTS, offset: 0 } });
  await expect(stored.replay({}, { log: foreign, repairer })).rejects.toMatchObject({
    code: 'AUDIT_OTHER_LOG',
  });
  expect(repairer.asked).toEqual([]);
});

test('nor by one that lost its end and is as long again', async () => {
  const repairer = noting(REFUSED);
  const [sample] = stored.database.samples;
  // What the store alone has would be taken for one too many.
  stored.database.samples.push({ ...sample!, timeUs: sample!.timeUs + 1 });
  const counted = stored.database.marks.find(({ position }) => position !== undefined)!;
  Object.assign(counted, { partitionTimeUs: counted.partitionTimeUs! - 60_000_000 });
  await expect(stored.replay({}, { repairer })).rejects.toMatchObject({
    code: 'REPLAY_LOG_SHORT',
    message: expect.stringContaining('lost its end') as string,
  });
  expect(repairer.asked).toEqual([]);
  const { findings } = await stored.run();
  expect(findings.map(({ kind }) => kind)).toContain('log_short');
});
