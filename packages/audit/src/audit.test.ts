import { recordDigest } from '@millrace/checkpoint';
import { formatAddress } from '@millrace/model';
import { compileRules } from '@millrace/rules';
import { createMemoryStoreReader } from '@millrace/store/memory';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import { openMemoryStream } from '@millrace/stream/memory';
import {
  leaveOutLabels,
  TIGHT_SETTINGS,
  variedLog,
  type LoggedRecord,
} from '@millrace/transformer/testing';
import { decodeSeriesRecordHeader, EventsRecordKind, REDRIVE_PROTOCOL } from '@millrace/wire';
import { beforeEach, describe, expect, test } from 'vitest';
import { planAudit } from './plan.ts';
import type { Finding } from './report.ts';
import { plainLog } from './testing/plain-log.ts';
import { storeLog, type StoredLog } from './testing/stored-log.ts';

describe('of a log with everything in it', () => {
  const seeds = Array.from({ length: 8 }, (_, i) => i + 1);

  test.each(seeds)('all is proven, seed %i', async (seed) => {
    const stored = await storeLog([variedLog(seed, { records: 300, changes: 0.02 })]);
    const report = await stored.run();
    expect(report.findings).toEqual([]);
    expect(report.outcome).toBe('proven');
    expect(report.rows['samples']).toBe(stored.database.samples.length);
    expect(report.rows['samples']).toBeGreaterThan(100);
    // One of its rules has keep_raw: false.
    expect(report.notProven.join()).toContain('see --deep');
  });

  test.each(seeds)('all is proven under tight bounds, seed %i', async (seed) => {
    // In the middle of what a record put out, and in several rounds.
    const stored = await storeLog(
      [variedLog(seed, { records: 300, settings: { ...TIGHT_SETTINGS } })],
      { recordBytesMax: 900, seriesRecords: 150 },
    );
    expect(stored.database.marks[0]!.mark.ordinal).toBeGreaterThanOrEqual(0);
    const report = await stored.run({ samplesMax: 200 });
    expect(report.findings).toEqual([]);
  });

  describe('and whose records leave labels out', () => {
    test.each(seeds.slice(0, 4))('all is proven, seed %i', async (seed) => {
      const log = leaveOutLabels(variedLog(seed, { records: 300, changes: 0.02 }));
      const stored = await storeLog([log]);
      expect((await stored.run()).findings).toEqual([]);
      expect((await stored.run({ samplesMax: 200 })).findings).toEqual([]);
    });

    test.each(seeds.slice(0, 4))('some of which are lost, seed %i', async (seed) => {
      const log = leaveOutLabels(variedLog(seed, { records: 300, changes: 0.02 }));
      const lossy = log.filter(({ record }, i) => !('values' in record) || i % 5 !== 4);
      const stored = await storeLog([lossy]);
      const report = await stored.run();
      expect(report.findings).toEqual([]);
      expect((await stored.run({ isDeep: true })).findings).toEqual([]);
      const letters = report.ledger.reduce((sum, { deadLetter }) => sum + deadLetter, 0);
      expect(letters).toBe(stored.database.deadLetters.length);
      expect(letters).toBeGreaterThan(0);
      // One of them is not what the log says.
      const [totals] = stored.database.totals.values();
      totals!.deadLetter += 1;
      totals!.stored -= 1;
      expect((await stored.run()).findings).not.toEqual([]);
    });

    test.each(seeds.slice(0, 4))('and forgotten all the time, seed %i', async (seed) => {
      const settings = { ...TIGHT_SETTINGS, labelSetsMax: 30 };
      const stored = await storeLog([leaveOutLabels(variedLog(seed, { records: 300, settings }))]);
      expect(stored.database.deadLetters.length).toBeGreaterThan(0);
      const { findings, notProven } = await stored.run();
      expect(findings).toEqual([]);
      expect(notProven.join()).toContain('labels were defined last so long ago');
    });

    test('and forgotten because they are long, however few there are', async () => {
      const labels = { long: 'x'.repeat(1500) };
      const log = plainLog(0, 'default', { labels, settings: { labelSetsMax: 8 } });
      const stored = await storeLog([leaveOutLabels(log)]);
      expect(stored.database.deadLetters.length).toBeGreaterThan(0);
      expect((await stored.run()).findings).toEqual([]);
    });

    test('what is gone is named by the record that says it', async () => {
      const stored = await storeLog([leaveOutLabels(plainLog(0)), leaveOutLabels(plainLog(1))]);
      const { samples } = stored.database;
      samples.splice(samples.length - 1, 1);
      const finding = await only(stored, 'row_missing');
      expect(finding.series).toMatch(/^m\{i="\d+"\}$/);
    });
  });

  test('seen from another side it is the same: in one round, or in many', async () => {
    const stored = await storeLog([variedLog(3, { records: 300 })]);
    const [one, many] = [await stored.run(), await stored.run({ samplesMax: 50 })];
    expect(many.rows).toEqual(one.rows);
    expect(many.partitions).toEqual(one.partitions);
    expect(many.findings).toEqual([]);
  });
});

describe('what is damaged is found and named', () => {
  let stored: StoredLog;
  beforeEach(async () => {
    stored = await storeLog([plainLog(0), plainLog(1)]);
  });

  test('of nothing, when nothing is', async () => {
    expect((await stored.run()).findings).toEqual([]);
  });

  test('a row that is gone', async () => {
    const { samples } = stored.database;
    const [gone] = samples.splice(samples.length / 2, 1);
    const finding = await only(stored, 'row_missing');
    expect(finding).toMatchObject({ count: 1, time: isoOf(gone!.timeUs), found: '0 rows' });
    expect(finding.series).toMatch(/^m\{i="\d"\}$/);
    expect(finding.message).toContain(`partition ${finding.partition}, offset ${finding.offset}`);
  });

  test('of several rows that are gone, the one that came first', async () => {
    const { samples } = stored.database;
    const later = samples.splice(30, 1)[0]!;
    const first = samples.splice(3, 1)[0]!;
    const finding = await only(stored, 'row_missing');
    expect(finding).toMatchObject({ count: 2, partition: 0, time: isoOf(first.timeUs) });
    expect(later.timeUs).toBeGreaterThan(first.timeUs);
  });

  test('a row that is there twice', async () => {
    const { samples } = stored.database;
    samples.push({ ...samples[5]! });
    const finding = await only(stored, 'row_twice');
    expect(finding).toMatchObject({ count: 1, partition: 0, time: isoOf(samples[5]!.timeUs) });
    expect(finding).toMatchObject({ found: '2 rows', tenant: 'default' });
  });

  test.each([
    ['another value', 7.25, '7.25'],
    ['a stale marker in its place', undefined, 'stale'],
    ['no number', NaN, 'NaN'],
    ['its sign', -0, '-0'],
  ])('a row with another value: %s', async (_, value, found) => {
    const row = stored.database.samples.find((one) => one.value === 0)!;
    row.value = value;
    const finding = await only(stored, 'row_differs');
    expect(finding).toMatchObject({ count: 1, time: isoOf(row.timeUs), expected: '0', found });
  });

  test('a row with another time', async () => {
    const row = stored.database.samples[9]!;
    row.timeUs += 1;
    const findings = (await stored.run()).findings;
    expect(findings.map(({ kind }) => kind)).toEqual(['row_missing', 'row_unexpected']);
    expect(findings[0]!.time).toBe(isoOf(row.timeUs - 1));
    expect(findings[1]).toMatchObject({ time: isoOf(row.timeUs), partition: 0, count: 1 });
  });

  test('a row of a series that the log never had', async () => {
    const { timeUs } = stored.database.samples[0]!;
    const row = { seriesId: '00000000000000ff', timeUs, value: 1, unverified: false };
    stored.database.samples.push(row);
    const finding = await only(stored, 'row_unexpected');
    expect(finding).toMatchObject({ seriesId: '255', time: isoOf(timeUs), found: '1' });
  });

  test.each(['accepted', 'stored', 'duplicate', 'conflict', 'dropped', 'unverified'] as const)(
    'the ledger, its column %s',
    async (column) => {
      const totals = [...stored.database.totals.values()].find(({ partition }) => partition === 1)!;
      totals[column] += 1;
      const { findings, outcome } = await stored.run();
      expect(outcome).toBe('broken');
      expect(findings.map(({ kind }) => kind)).toEqual(['ledger_count', 'ledger_sum']);
      expect(findings[0]).toMatchObject({ partition: 1, tenant: 'default' });
      expect(findings[0]!.message).toContain(` ${column}; the log up to position`);
    },
  );

  test('the ledger of a tenant that is gone', async () => {
    const [key] = [...stored.database.totals].find(([, one]) => one.partition === 0)!;
    stored.database.totals.delete(key);
    expect(await only(stored, 'ledger_count')).toMatchObject({ partition: 0, found: '0' });
  });

  test('samples that were moved from one column to another', async () => {
    const totals = [...stored.database.totals.values()][0]!;
    totals.stored -= 1;
    totals.unverified += 1;
    const finding = await only(stored, 'ledger_count');
    expect(finding.count).toBe(2);
  });

  test('a log that ends before what is stored', async () => {
    const { end } = stored.log.partition(TOPIC_EVENTS, 1).bounds;
    stored.database.marks.find(({ partition }) => partition === 1)!.mark = {
      ...{ offset: end + 3, ordinal: 0 },
    };
    const { findings } = await stored.run();
    // Nothing was put out for it either.
    expect(findings.map(({ kind }) => kind)).toEqual(['log_short', 'series_gap']);
    expect(findings[0]).toMatchObject({ partition: 1, offset: end, expected: String(end + 3) });
  });

  test('a log whose newest record that is stored is another one', async () => {
    const mark = stored.database.marks.find(({ partition }) => partition === 1)!;
    const offset = mark.mark.offset - 1;
    const [{ payload } = { payload: new Uint8Array(0) }] = stored.log
      .partition(TOPIC_EVENTS, 1)
      .read(offset, Infinity);
    mark.folded = { offset, digest: recordDigest(payload) };
    expect((await stored.run()).findings).toEqual([]);
    mark.folded = { offset, digest: '00'.repeat(16) };
    expect(await only(stored, 'log_short')).toMatchObject({ partition: 1, offset });
  });

  test('another log than that of the store', async () => {
    const mark = stored.database.marks.find(({ partition }) => partition === 0)!;
    mark.logId = 'ff'.repeat(16);
    const { findings } = await stored.run();
    expect(findings.find(({ kind }) => kind === 'other_log')).toMatchObject({ partition: 0 });
  });
});

test('a hole in what was put out', async () => {
  const stored = await storeLog([plainLog(0)], { recordBytesMax: 400 });
  const records = stored.log.partition(TOPIC_SERIES, 0).read(0, Infinity);
  expect(records.length).toBeGreaterThan(3);
  const other = stored.copy({ without: { topic: TOPIC_SERIES, offset: 2 } });
  const { findings } = await stored.run({}, other);
  expect(findings.map(({ kind }) => kind)).toEqual(['series_gap']);
  const { from, to } = decodeSeriesRecordHeader(records[2]!.payload);
  expect(findings[0]).toMatchObject({ partition: 0, expected: formatAddress(from) });
  expect(findings[0]!.found).toBe(formatAddress(to));
});

describe('a log that does not reach back to its beginning', () => {
  let stored: StoredLog;
  let start: number;
  beforeEach(async () => {
    stored = await storeLog([plainLog(0)], { segmentBytes: 1000 });
    stored.beginControl();
    const events = stored.log.partition(TOPIC_EVENTS, 0);
    events.release(12);
    ({ start } = events.bounds);
  });

  test('takes as many rounds as there are samples in it, not in the ledger', async () => {
    const stream = openMemoryStream(stored.log);
    const snapshot = await createMemoryStoreReader(stored.database).snapshot();
    const wanted = { partition: undefined, logWaitMsMax: 500 };
    const held = 60 - 3 * (start - 2);
    expect((await planAudit(stream, snapshot, { ...wanted, samplesMax: 59 })).held).toBe(held);
    // One round is enough whatever it is.
    expect((await planAudit(stream, snapshot, { ...wanted, samplesMax: 60 })).held).toBe(60);
    await stream.close();
  });

  test('says what is proven, and calls no older row an error', async () => {
    expect(start).toBeGreaterThan(2);
    const report = await stored.run();
    expect(report.findings).toEqual([]);
    expect(report.partitions[0]).toMatchObject({ from: start });
    expect(report.rows['older']).toBe(3 * (start - 2));
    expect(report.notProven.join(' ')).toContain(`records below offset ${start} are past`);
    expect(report.notProven.join(' ')).toContain('rows before');
  });

  test('still misses rows of what it holds, and sees those it cannot have', async () => {
    const { samples } = stored.database;
    samples.splice(samples.length - 4, 1);
    const { findings } = await stored.run();
    expect(findings.map(({ kind }) => kind)).toEqual(['row_missing']);
    expect(findings[0]!.offset).toBeGreaterThan(start);
    const far = { ...samples[0]!, timeUs: samples[0]!.timeUs + 3_600_000_000 };
    samples.push(far);
    expect((await stored.run()).findings.map(({ kind }) => kind)).toEqual([
      ...['row_missing', 'row_unexpected'],
    ]);
  });

  test('and leaves labels out that rules ask for says that it does not know them', async () => {
    const log = leaveOutLabels(plainLog(0));
    const { record } = log[1]!;
    if (record.kind !== EventsRecordKind.barrier) throw new Error('no barrier');
    record.rules = compileRules({ rules: [{ name: 'noise', match: 'noise', drop: true }] });
    const cut = await storeLog([log], { segmentBytes: 500 });
    cut.beginControl();
    const events = cut.log.partition(TOPIC_EVENTS, 0);
    expect((await cut.run()).notProven.join()).not.toContain('labels');
    events.release(12);
    expect(events.bounds.start).toBeGreaterThan(3);
    const report = await cut.run();
    expect(report.findings).toEqual([]);
    expect(report.notProven.join()).toContain('labels lie in records that are gone');
  });

  test('cannot be folded again', async () => {
    await expect(stored.run({ isDeep: true })).rejects.toMatchObject({ code: 'AUDIT_LOG_CUT' });
  });
});

test('what the store had of another log is not taken for this one', async () => {
  const stored = await storeLog([plainLog(0)]);
  const { marks, samples } = stored.database;
  marks.unshift({ ...marks[0]!, logId: 'ee'.repeat(16), logNumber: 0, isOpen: false });
  samples.push({ ...samples[0]! }, { ...samples[1]!, timeUs: samples[1]!.timeUs - 5_000_000 });
  const report = await stored.run();
  expect(report.findings).toEqual([]);
  expect(report.notProven.join(' ')).toContain('another log');
  samples.splice(2, 1);
  expect((await stored.run()).findings.map(({ kind }) => kind)).toEqual(['row_missing']);
});

test('a row that the store refused is accounted for by its dead letter', async () => {
  const stored = await storeLog([plainLog(0)]);
  const { samples, deadLetters } = stored.database;
  const [{ seriesId, timeUs } = { seriesId: '', timeUs: 0 }] = samples.splice(7, 1);
  const fingerprint = Buffer.concat([Buffer.from(seriesId, 'hex'), Buffer.alloc(8)]);
  const why = { tenant: 'default', reason: 'store_refused', detail: '', receivedAtUs: 0 };
  const letter = { ...why, timeUs, value: 1, fingerprint: new Uint8Array(fingerprint) };
  expect((await stored.run()).outcome).toBe('broken');
  const { logId } = stored.database.marks[0]!;
  deadLetters.push({ ...letter, logId, partition: 0 });
  expect((await stored.run()).findings).toEqual([]);
});

test('a row of a dead letter that came again says nothing of its first arrival', async () => {
  const records = plainLog(0);
  const at = records.findIndex(({ record }) => record.kind === EventsRecordKind.data);
  const { record, appendTimeUs } = records[at]!;
  if (record.kind !== EventsRecordKind.data) throw new Error('it is no data');
  const again = { ...record, protocol: REDRIVE_PROTOCOL, sequence: 99, receiver: 'cd'.repeat(8) };
  const letter = {
    record: { ...again, acknowledgedSamples: 0, cumulativeSamples: 3 },
    appendTimeUs,
  };
  const stored = await storeLog([[...records.slice(0, -1), letter, records.at(-1)!]]);
  // The store had refused them: their rows are those of the letters.
  const { samples, deadLetters, marks, moves } = stored.database;
  for (const row of samples.slice(0, 3)) row.unverified = true;
  expect((await stored.run()).findings).toEqual([]);
  // Folded again, the letters say which arrival it is.
  const deep = async () => (await stored.run({ isDeep: true })).findings.map(({ kind }) => kind);
  expect(await deep()).toEqual(['row_differs']);
  const why = { tenant: 'default', reason: 'store_refused', detail: '', receivedAtUs: 0 };
  for (const { seriesId, timeUs, value } of samples.slice(0, 3)) {
    const fingerprint = new Uint8Array(Buffer.from(seriesId + seriesId, 'hex'));
    const letter = { ...why, fingerprint, timeUs, value: value!, logId: marks[0]!.logId };
    deadLetters.push({ ...letter, partition: 0 });
  }
  expect(await deep()).toEqual(['ledger_count']);
  for (const move of moves.values()) Object.assign(move, { stored: 3, duplicate: 0 });
  expect(await deep()).toEqual([]);
});

describe('a log that lost records', () => {
  test('its rows, its count and its receiver tell of it', async () => {
    const records = plainLog(0);
    const stored = await storeLog([records]);
    // The same log without one of its records: a tick is in its place.
    const lost = records.findIndex(({ record }) => record.kind === EventsRecordKind.data) + 3;
    const without = records.map((one, i): LoggedRecord => {
      if (i !== lost) return one;
      return { ...one, record: { kind: EventsRecordKind.tick, receivedAtUs: one.appendTimeUs } };
    });
    const other = await storeLog([without]);
    const { findings, notes } = await stored.run({}, other.log);
    expect(findings.map(({ kind }) => kind)).toEqual([
      ...['row_unexpected', 'ledger_count', 'records_lost'],
    ]);
    expect(findings[2]).toMatchObject({ offset: lost + 1, found: '3 samples' });
    expect(findings[2]!.message).toContain('its records 4');
    expect(notes).toEqual([expect.stringContaining('records that the log does not hold: 4')]);
  });
});

describe('what is looked at', () => {
  test('only rows of the times that are asked for', async () => {
    const stored = await storeLog([plainLog(0)]);
    const { samples } = stored.database;
    const times = samples.map(({ timeUs }) => timeUs).sort((a, b) => a - b);
    const middleUs = times[times.length / 2]!;
    const [old] = samples.splice(
      samples.findIndex(({ timeUs }) => timeUs === times[0]),
      1,
    );
    expect(old).toBeDefined();
    const late = await stored.run({ sinceUs: middleUs });
    expect(late.findings).toEqual([]);
    expect(late.rows['samples']).toBe(times.filter((timeUs) => timeUs >= middleUs).length);
    const early = await stored.run({ untilUs: middleUs });
    expect(early.findings.map(({ kind }) => kind)).toEqual(['row_missing']);
  });

  test('rows that the store deleted as past their retention are not missed', async () => {
    const stored = await storeLog([plainLog(0)]);
    const watermarkUs = stored.database.marks[0]!.watermarkUs!;
    stored.database.samples = stored.database.samples.filter(
      ({ timeUs }) => timeUs >= watermarkUs - 5_000_000,
    );
    expect((await stored.run()).outcome).toBe('broken');
    const { expired } = stored.database;
    expired.push({ table: 'samples', beforeUs: watermarkUs - 6_000_000 });
    expect((await stored.run()).outcome).toBe('broken');
    expired.push({ table: 'samples', beforeUs: watermarkUs - 5_000_000 });
    for (const isDeep of [false, true]) {
      const { findings, notes } = await stored.run({ isDeep });
      expect(findings).toEqual([]);
      expect(notes).toEqual([expect.stringMatching(/^Rows of samples before .* may be deleted/)]);
    }
  });

  test('what concerns one tenant', async () => {
    const stored = await storeLog([plainLog(0, 'other')]);
    stored.database.samples.splice(4, 1);
    [...stored.database.totals.values()][0]!.stored += 1;
    const nobody = await stored.run({ tenant: 'default' });
    expect(nobody.findings).toEqual([]);
    expect(nobody.notProven).toEqual(['Tenant default: no ledger knows it.']);
    const { findings, ledger } = await stored.run({ tenant: 'other' });
    expect(findings.map(({ kind }) => kind)).toEqual([
      ...['row_missing', 'ledger_count', 'ledger_sum'],
    ]);
    expect(ledger.map(({ tenant }) => tenant)).toEqual(['other']);
  });

  test('one partition', async () => {
    const stored = await storeLog([plainLog(0), plainLog(1)]);
    stored.database.samples.splice(0, 1);
    expect((await stored.run({ partition: 1 })).findings).toEqual([]);
    expect((await stored.run({ partition: 0 })).outcome).toBe('broken');
    await expect(stored.run({ partition: 2 })).rejects.toMatchObject({ code: 'AUDIT_PARTITION' });
  });
});

async function only(stored: StoredLog, kind: Finding['kind']): Promise<Finding> {
  const { findings, outcome } = await stored.run();
  expect(findings.map((finding) => finding.kind)).toEqual([kind]);
  expect(outcome).toBe('broken');
  return findings[0]!;
}

function isoOf(timeUs: number): string {
  const ms = Math.floor(timeUs / 1000);
  const us = String(timeUs % 1000).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${us}Z`);
}
