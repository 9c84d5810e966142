import { leaveOutLabels, TIGHT_SETTINGS, variedLog } from '@millrace/transformer/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Finding } from '../report.ts';
import { plainLog } from '../testing/plain-log.ts';
import { storeLog, type StoredLog } from '../testing/stored-log.ts';

const DEEP = { isDeep: true };

describe('folded again, all is as it is stored', () => {
  const seeds = Array.from({ length: 8 }, (_, i) => i + 1);

  test.each(seeds)('with rules that change, seed %i', async (seed) => {
    const stored = await storeLog([variedLog(seed, { records: 300, changes: 0.02 })]);
    const { findings, rows } = await stored.run(DEEP);
    expect(findings).toEqual([]);
    const { samples, histograms, finals, open, definitions, unverified } = stored.database;
    const { exemplars, metadata, editions, editionStarts, editionEnds } = stored.database;
    const { deadLetters } = stored.database;
    expect(rows).toEqual({
      ...{ samples: samples.length, histograms: histograms.length },
      ...{ pieces: finals.length + open.size, definitions: definitions.size },
      ...{ unverified: unverified.length, exemplars: exemplars.length, metadata: metadata.size },
      ...{ letters: deadLetters.length },
      editions: editions.size + editionStarts.length + editionEnds.length,
    });
  });

  test.each(seeds.slice(0, 3))('with labels left out, some of them lost, seed %i', async (seed) => {
    const log = leaveOutLabels(variedLog(seed, { records: 300, changes: 0.02 }));
    const stored = await storeLog([
      log.filter((one, i) => !('values' in one.record) || i % 5 !== 4),
    ]);
    expect(stored.database.deadLetters.length).toBeGreaterThan(0);
    expect((await stored.run(DEEP)).findings).toEqual([]);
    const [gone] = stored.database.samples.splice(-3, 1);
    const { findings } = await stored.run(DEEP);
    expect(findings).toMatchObject([{ kind: 'row_missing', count: 1 }]);
    expect(gone).toBeDefined();
    expect(findings[0]!.series).toMatch(/\{.*job=/);
  });

  test.each(seeds)(
    'in the middle of a record, in rounds, under tight bounds, seed %i',
    async (seed) => {
      const stored = await storeLog(
        [variedLog(seed, { records: 300, settings: { ...TIGHT_SETTINGS } })],
        { recordBytesMax: 900, seriesRecords: 150 },
      );
      expect((await stored.run({ ...DEEP, samplesMax: 400 })).findings).toEqual([]);
    },
  );
});

describe('what is damaged is found and named', () => {
  let stored: StoredLog;
  beforeEach(async () => {
    stored = await storeLog([variedLog(4, { records: 300, settings: { ...TIGHT_SETTINGS } })]);
  });

  test.each([
    ['sum', 3.5],
    ['count', 77],
    ['max', -0],
    ['last', undefined],
    ['increase', NaN],
    ['marked', true],
    ['histogram', Uint8Array.of(9)],
    ['distinct', Uint8Array.of(9)],
    ['inputs', Uint8Array.of(1, 0, 0, 0, 0)],
  ] as const)('a piece with another %s', async (column, value) => {
    const piece = stored.database.finals.find((one) => {
      return one[column] !== undefined && one[column] !== value;
    })!;
    Object.assign(piece, { [column]: value });
    const finding = await only(stored, 'entry_differs');
    expect(finding).toMatchObject({ count: 1, partition: 0 });
    expect(finding.offset).toBeGreaterThan(0);
    expect(finding.expected).toContain(`${column} `);
    expect(finding.found).toContain(`${column} `);
  });

  test('an open piece with another column', async () => {
    const [piece] = stored.database.open.values();
    piece!.count += 1;
    expect(await only(stored, 'entry_differs')).toMatchObject({ count: 1 });
  });

  test('a piece that is gone, one that is too many, one that is there twice', async () => {
    const { finals } = stored.database;
    const gone = finals.splice(3, 1)[0]!;
    const missing = await only(stored, 'entry_missing');
    expect(missing.message).toContain(`edition ${gone.edition}, piece ${gone.piece} is not stored`);
    finals.push(gone, { ...gone, piece: gone.piece + 1_000_000 });
    expect((await only(stored, 'entry_unexpected')).message).toContain('the log has no such');
    finals[finals.length - 1] = { ...gone };
    expect((await only(stored, 'entry_unexpected')).message).toContain('more than once');
  });

  test('a sample that does not say that it is unverified', async () => {
    const row = stored.database.samples.find(({ unverified }) => unverified)!;
    row.unverified = false;
    expect(await only(stored, 'row_differs')).toMatchObject({ count: 1 });
  });

  test('a sample, a histogram', async () => {
    const { samples, histograms } = stored.database;
    const sample = samples.splice(10, 1)[0]!;
    expect(await only(stored, 'row_missing')).toMatchObject({ count: 1, partition: 0 });
    samples.push(sample);
    histograms[2]!.histogram = Uint8Array.of(1, 200);
    expect(await only(stored, 'row_differs')).toMatchObject({ count: 1 });
  });

  test('a definition', async () => {
    const { definitions } = stored.database;
    const [id, definition] = [...definitions][2]!;
    definitions.set(id, { ...definition, kind: (definition.kind + 1) % 5 });
    expect((await only(stored, 'entry_differs')).message).toContain('its kind');
    definitions.set(id, { ...definition, seenUs: definition.seenUs + 1 });
    expect((await only(stored, 'entry_differs')).message).toContain('seen last');
    definitions.set(id, { ...definition, tenant: 'somebody' });
    expect((await only(stored, 'entry_differs')).message).toContain('tenant');
    definitions.delete(id);
    expect((await only(stored, 'entry_missing')).message).toContain('The definition of series');
  });

  test('a sample that is kept beside', async () => {
    const { unverified } = stored.database;
    const [one] = unverified.splice(0, 1);
    expect(await only(stored, 'entry_missing')).toMatchObject({ tenant: one!.tenant, count: 1 });
    unverified.push(one!, { ...one!, value: 12_345 });
    expect((await only(stored, 'unverified_unexpected')).count).toBe(1);
  });

  test('any column of the ledger, also where the log alone leaves it open', async () => {
    const [totals] = stored.database.totals.values();
    totals!.duplicate -= 1;
    totals!.unverified += 1;
    expect((await only(stored, 'ledger_count')).count).toBe(2);
  });

  test('a count that the store moved', async () => {
    const [moves] = stored.database.moves.values();
    moves!.stored += 1;
    expect((await only(stored, 'ledger_count')).message).toContain('turned out stored');
  });
});

test('of one partition, and beside another log, nothing is called too many', async () => {
  const stored = await storeLog([plainLog(0), plainLog(1)]);
  expect((await stored.run(DEEP)).findings).toEqual([]);
  const one = await stored.run({ ...DEEP, partition: 1 });
  expect(one.findings).toEqual([]);
  expect(one.notProven).toEqual([expect.stringContaining('and of definitions of series, it is')]);
  const { marks, samples, finals } = stored.database;
  marks.unshift({ ...marks[0]!, logId: 'ee'.repeat(16), logNumber: 0, isOpen: false });
  samples.push({ ...samples[0]! });
  // Its name says that log number 0 opened it.
  const window = { edition: 1, widthUs: 1_000_000, startUs: 0, count: 1, marked: false };
  finals.push({ ...window, piece: 7, partition: 0, fingerprint: new Uint8Array(16) });
  const { findings, notProven } = await stored.run(DEEP);
  expect(findings).toEqual([]);
  expect(notProven.join(' ')).toContain('rows of another log');
  samples.splice(1, 1);
  expect((await stored.run(DEEP)).findings.map(({ kind }) => kind)).toEqual(['row_missing']);
});

async function only(stored: StoredLog, kind: Finding['kind']): Promise<Finding> {
  const { findings, outcome } = await stored.run(DEEP);
  expect(findings.map((finding) => finding.kind)).toEqual([kind]);
  expect(outcome).toBe('broken');
  return findings[0]!;
}
