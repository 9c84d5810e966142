import { pieceName } from '@millrace/model';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS } from '@millrace/stream';
import { leaveOutLabels, TIGHT_SETTINGS, variedLog } from '@millrace/transformer/testing';
import { describe, expect, test } from 'vitest';
import type { AuditProgress } from '../audit-parts.ts';
import type { Finding } from '../report.ts';
import { storeLog, type StoredLog } from '../testing/stored-log.ts';

const DEEP = { isDeep: true };
const CHECKPOINTS = [40, 120, 200, 260];

describe('a log that lacks its beginning is folded from the oldest checkpoint of use', () => {
  test.each(Array.from({ length: 6 }, (_, i) => i + 1))('seed %i', async (seed) => {
    const stored = await cutLog(seed);
    const { findings, partitions, notProven, rows } = await stored.run(DEEP);
    expect(findings).toEqual([]);
    expect(partitions[0]).toMatchObject({ from: 120, records: expect.any(Number) });
    expect(partitions[0]!.checkpoint).toMatch(/^2\d{3}-/);
    expect(notProven.join(' ')).toContain('what records below 120 put out was not compared');
    expect(notProven.join(' ')).toContain('counted of unverified samples that turned out');
    expect(notProven.join(' ')).toMatch(/series that were seen before .* neither the kind/);
    expect(notProven.join(' ')).toContain('Of exemplars and editions it is proven that none');
    expect(rows['pieces']).toBeGreaterThan(0);
    const inRounds = await stored.run({ ...DEEP, samplesMax: 400 });
    expect(inRounds.findings).toEqual([]);
  });

  test.each([1, 2, 3])('also when records leave labels out, seed %i', async (seed) => {
    const settings = { ...TIGHT_SETTINGS };
    const log = leaveOutLabels(variedLog(seed, { records: 300, settings }));
    const stored = await storeLog([log], { checkpoints: CHECKPOINTS, segmentBytes: 1000 });
    release(stored.log.partition(TOPIC_EVENTS, 0));
    const { findings, partitions } = await stored.run(DEEP);
    expect(findings).toEqual([]);
    expect(partitions[0]!.from).toBe(120);
  });

  test('what is damaged behind it is found', async () => {
    const stored = await cutLog(4);
    const { samples, finals, totals, definitions } = stored.database;
    const sample = samples.pop()!;
    expect((await only(stored, 'row_missing')).offset).toBeGreaterThanOrEqual(120);
    samples.push(sample);
    const piece = finals.at(-1)!;
    piece.count += 1;
    expect((await only(stored, 'entry_differs')).message).toContain('is stored with count');
    piece.count -= 1;
    finals.push({ ...piece, piece: pieceName(1, 125) });
    expect((await only(stored, 'entry_unexpected')).message).toContain('the log has no such');
    finals.pop();
    const [ledger] = totals.values();
    ledger!.duplicate += 1;
    expect((await only(stored, 'ledger_count')).message).toContain('duplicate');
    ledger!.duplicate -= 1;
    const [id, definition] = [...definitions].find(([, { seenUs }]) => {
      return seenUs > Math.max(...samples.map(({ timeUs }) => timeUs)) - 86_400_000_000;
    })!;
    definitions.set(id, { ...definition, tenant: 'somebody' });
    expect((await only(stored, 'entry_differs')).message).toContain('tenant');
  });

  test('what is from before is not called wrong', async () => {
    const stored = await cutLog(4);
    const { finals, samples } = stored.database;
    finals.push({ ...finals[0]!, piece: pieceName(1, 60) });
    samples.push({ ...samples[0]!, timeUs: samples[0]!.timeUs + 1 });
    expect((await stored.run(DEEP)).findings).toEqual([]);
  });
});

describe('which one it is', () => {
  test('one that is damaged is passed over', async () => {
    const stored = await wholeLog(2, [120, 200]);
    // Each is a chunk and a manifest: without the chunk of the newer one.
    const other = stored.copy({ without: { topic: TOPIC_CHECKPOINTS, offset: 2 } });
    release(other.partition(TOPIC_EVENTS, 0));
    const sinceUs = Number.MAX_SAFE_INTEGER;
    expect((await stored.run({ ...DEEP, sinceUs })).partitions[0]!.from).toBe(200);
    const { partitions, findings } = await stored.run({ ...DEEP, sinceUs }, other);
    expect(findings).toEqual([]);
    expect(partitions[0]!.from).toBe(120);
  });

  test('with a time to begin at, the newest of before', async () => {
    const stored = await storeLog([variedLog(3, { records: 300 })], { checkpoints: CHECKPOINTS });
    const events = stored.log.partition(TOPIC_EVENTS, 0).read(0, Infinity);
    const from = async (sinceUs: number): Promise<number> => {
      const { findings, partitions } = await stored.run({ ...DEEP, sinceUs });
      expect(findings).toEqual([]);
      return partitions[0]!.from;
    };
    expect(await from(events.at(-1)!.appendTimeUs + 86_400_000_000)).toBe(260);
    expect(await from(events[0]!.appendTimeUs - 86_400_000_000)).toBe(0);
    expect((await stored.run(DEEP)).partitions[0]!.from).toBe(0);
  });

  test('says so when none is of before the time to begin at', async () => {
    const stored = await cutLog(2);
    const { from, said } = await beginning(stored, 0);
    expect(from).toBe(120);
    expect(said).toMatch(
      /^Partition 0: no checkpoint of before 1970-.* the fold began with one of/,
    );
    expect((await beginning(stored, Number.MAX_SAFE_INTEGER)).said).toBeUndefined();
  });

  test('another one, when the log forgets it meanwhile', async () => {
    const stored = await cutLog(2, [120, 200, 240, 260]);
    const checkpoints = stored.log.partition(TOPIC_CHECKPOINTS, 0);
    // Each is a chunk and a manifest, and is read again for each round.
    const inRounds = { ...DEEP, samplesMax: 400 };
    let [forgotten, most, before] = [0, 1, Infinity];
    const forgetOldest = ({ round, done }: AuditProgress): void => {
      const begins = round === 0 && done <= before;
      before = round === 0 ? done : Infinity;
      if (!begins || forgotten === most) return;
      forgotten += 1;
      checkpoints.release(checkpoints.bounds.start + 2);
    };
    const { findings, partitions } = await stored.run(inRounds, stored.log, forgetOldest);
    expect(findings).toEqual([]);
    expect(partitions[0]!.from).toBe(200);
    // Not for ever.
    most = Infinity;
    const failing = stored.run(inRounds, stored.log, forgetOldest);
    await expect(failing).rejects.toMatchObject({ code: 'CHECKPOINT_DAMAGED' });
    expect(forgotten).toBe(4);
  });

  test('without any, it says what helps', async () => {
    const stored = await cutLog(1, []);
    const failing = stored.run(DEEP);
    await expect(failing).rejects.toMatchObject({ code: 'AUDIT_LOG_CUT' });
    await expect(failing).rejects.toThrow(/metrics\.checkpoints holds none/);
    const tooEarly = await cutLog(1, [40]);
    await expect(tooEarly.run(DEEP)).rejects.toThrow(/the one at 40: events before \d+ are gone/);
  });
});

async function beginning(
  stored: StoredLog,
  sinceUs: number,
): Promise<{ from: number; said: string | undefined }> {
  const { partitions, notProven } = await stored.run({ ...DEEP, sinceUs });
  const said = notProven.find((sentence) => sentence.includes('no checkpoint of before'));
  return { from: partitions[0]!.from, said };
}

/** A log of which the events of before position 120 or so are gone. */
async function cutLog(seed: number, checkpoints = CHECKPOINTS): Promise<StoredLog> {
  const stored = await wholeLog(seed, checkpoints);
  release(stored.log.partition(TOPIC_EVENTS, 0));
  return stored;
}

async function wholeLog(seed: number, checkpoints: readonly number[]): Promise<StoredLog> {
  const log = variedLog(seed, { records: 300, settings: { ...TIGHT_SETTINGS } });
  return await storeLog([log], { checkpoints, segmentBytes: 1000 });
}

function release(events: ReturnType<StoredLog['log']['partition']>): void {
  events.release(119);
  expect(events.bounds.start).toBeGreaterThan(41);
}

async function only(stored: StoredLog, kind: Finding['kind']): Promise<Finding> {
  const { findings, outcome } = await stored.run(DEEP);
  expect(findings.map((finding) => finding.kind)).toEqual([kind]);
  expect(outcome).toBe('broken');
  return findings[0]!;
}
