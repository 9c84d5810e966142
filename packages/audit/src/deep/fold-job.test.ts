import { ADDRESS_ZERO, compareAddress, openedAt, type Address } from '@millrace/model';
import { createMeter, silentLog } from '@millrace/runtime';
import { MemoryStateStore } from '@millrace/state/memory';
import type { Repairs } from '@millrace/store';
import {
  createMemoryStore,
  createMemoryStoreReader,
  MemoryStoreDatabase,
} from '@millrace/store/memory';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import { createTransformer, DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';
import { JobsBench, variedLog } from '@millrace/transformer/testing';
import { decodeSeriesRecord, decodeSeriesRecordHeader } from '@millrace/wire';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { audit } from '../audit.ts';
import { AUDIT_DEFAULTS } from '../audit-settings.ts';
import { replay, REPLAY_DEFAULTS } from '../replay/replay.ts';
import type { AuditReport } from '../report.ts';

const T0_US = 1_700_000_000_000_000;
const SINCE_US = T0_US + 600_000_000;
const RULES = {
  rules: [
    { name: 'r', match: '{}', by: ['job'], widths: ['20s', '1m'], aggregates: ['sum', 'max'] },
  ],
};

let bench: JobsBench;
let candidate: number;
let database: MemoryStoreDatabase;
beforeAll(async () => {
  bench = new JobsBench();
  bench.logNumber = undefined;
  await bench.begin();
  const data = (seed: number, records: number) => {
    return variedLog(seed, { records })
      .map(({ record }) => record)
      .slice(2);
  };
  for (const record of data(5, 160)) bench.append(record);
  candidate = (await bench.beginCandidate(RULES, SINCE_US)).number;
  for (const record of data(6, 20)) bench.append(record);
  await foldAll();
});
beforeEach(async () => {
  database = new MemoryStoreDatabase();
  await applyAll();
});

/** Live, as a transformer does, and jobs, which put out several records. */
async function foldAll(): Promise<void> {
  const { stream, clock } = bench;
  const parts = { stream, clock, state: new MemoryStateStore(), log: silentLog };
  const transformer = createTransformer(
    { ...parts, meter: createMeter() },
    { ...DEFAULT_TRANSFORMER_SETTINGS, partitions: [0], tickMs: 3_600_000 },
  );
  const running = transformer.run();
  const { end } = await stream.bounds(TOPIC_EVENTS, 0);
  const until = { timeout: 20_000, interval: 5 };
  await vi.waitFor(() => {
    expect(transformer.status().partitions[0]!.position).toBe(end);
  }, until);
  await transformer.stop();
  await running;
  const jobs = bench.start();
  const working = jobs.run();
  await vi.waitFor(() => {
    expect(jobs.statuses().map(({ state }) => state)).toEqual(['over']);
  }, until);
  await jobs.stop();
  await working;
}

/** Everything that was put out, as a writer does; of jobs perhaps only what lies below a mark. */
async function applyAll(jobsBelow?: Address): Promise<void> {
  const store = createMemoryStore(database);
  for (const { payload } of bench.log.partition(TOPIC_SERIES, 0).read(0, Infinity)) {
    const { logId, logNumber, source, from, to } = decodeSeriesRecordHeader(payload);
    if (source !== 'live' && jobsBelow !== undefined && compareAddress(to, jobsBelow) > 0) continue;
    const key = { logId, logNumber, source, partition: 0 };
    const marks = await store.marks(0);
    const { mark = ADDRESS_ZERO } = marks.get(source) ?? {};
    if (!marks.has(source)) await store.openMark(key);
    if (compareAddress(to, mark) <= 0) continue;
    const { entries } = decodeSeriesRecord(payload, mark);
    const finals = new Set(entries.finals.map(({ piece, startUs }) => `${piece} ${startUs}`));
    const open = entries.open.filter(({ piece, startUs }) => !finals.has(`${piece} ${startUs}`));
    const chunks = [{ ...entries, open: newest(open) }];
    expect(await store.apply({ key, from: mark, to, chunks })).toMatchObject({
      outcome: 'applied',
    });
    expect(compareAddress(from, mark)).toBeLessThanOrEqual(0);
  }
}

function newest<T extends { edition: number; fingerprint: Uint8Array; piece: unknown }>(
  pieces: readonly (T & { widthUs: number; startUs: number })[],
): T[] {
  const named = pieces.map((one) => {
    const { edition, fingerprint, widthUs, startUs, piece } = one;
    const name = [edition, Buffer.from(fingerprint).toString('hex'), widthUs, startUs, piece];
    return [name.join(' '), one] as const;
  });
  return [...new Map(named).values()];
}

async function deep(): Promise<AuditReport> {
  const parts = { stream: bench.stream, clock: bench.clock };
  const store = createMemoryStoreReader(database);
  return await audit({ ...parts, store }, { ...AUDIT_DEFAULTS, logWaitMsMax: 500, isDeep: true });
}

/** Places in `finals` of what the job has folded. */
function ofJob(): number[] {
  const { edition } = [...database.editions.values()].find(({ rule, ...one }) => {
    return rule === 'r' && one.candidate === candidate;
  })!;
  const { fromPosition } = database.editionStarts.find((one) => one.edition === edition)!;
  return database.finals.flatMap((piece, i) => {
    return piece.edition === edition && openedAt(piece.piece) < fromPosition ? [i] : [];
  });
}

test('what jobs have folded is held against the same jobs folded again', async () => {
  expect(ofJob().length).toBeGreaterThan(20);
  const { findings, outcome, notProven, rows } = await deep();
  expect({ findings, outcome }).toEqual({ findings: [], outcome: 'proven' });
  expect(notProven.join(' ')).not.toContain('compared');
  expect(rows['pieces']).toBeGreaterThanOrEqual(database.finals.length);
});

test('a window of a job that is gone, is another one, or is too many', async () => {
  const [at = 0, other = 0] = ofJob();
  const [gone] = database.finals.splice(at, 1);
  const missing = await deep();
  expect(missing.findings).toMatchObject([{ kind: 'entry_missing', count: 1, partition: 0 }]);
  database.finals.push(gone!);
  database.finals[other]!.max = 1e9;
  expect((await deep()).findings).toMatchObject([{ kind: 'entry_differs', count: 1 }]);
  database = new MemoryStoreDatabase();
  await applyAll();
  const one = database.finals[other]!;
  database.finals.push({ ...one, startUs: one.startUs - one.widthUs });
  expect((await deep()).findings).toMatchObject([{ kind: 'entry_unexpected', count: 1 }]);
});

test('what jobs have folded that the log knows no more is left out, and told', async () => {
  const sources = database.marks.map((mark) => mark.source);
  database.marks = database.marks.map((mark) => {
    return mark.source === 'live' ? mark : { ...mark, source: 'job-4711' };
  });
  expect(sources).toContain(`job-${candidate}`);
  const { findings, notProven } = await deep();
  expect(findings).toEqual([]);
  expect(notProven.join(' ')).toMatch(
    /that jobs have folded out of the past \(\d\d+ pieces\) were not compared: the log does not/,
  );
});

test('a replay tells what a window of a job has to be', async () => {
  const [at = 0] = ofJob();
  const [gone] = database.finals.splice(at, 1);
  const asked: Repairs[] = [];
  const repair = async (repairs: Repairs) => {
    asked.push(repairs);
    return { repaired: 0, passedOver: 0, refused: 1, refusal: 'not here' };
  };
  const store = createMemoryStoreReader(database);
  const parts = { stream: bench.stream, clock: bench.clock, store };
  const repairer = { repair, close: async () => undefined };
  const wanted = { ...REPLAY_DEFAULTS, logWaitMsMax: 500 };
  await expect(replay({ ...parts, repairer }, wanted)).rejects.toMatchObject({
    code: 'REPLAY_UNREPAIRED',
  });
  const { startUs, widthUs, sum, count } = gone!;
  expect(asked[0]!.pieces).toMatchObject([
    { remove: undefined, insert: { startUs, widthUs, sum, count, isFinal: true } },
  ]);
});

test('of a job that is not through, only what lies below its mark is expected', async () => {
  const headers = bench.log
    .partition(TOPIC_SERIES, 0)
    .read(0, Infinity)
    .map(({ payload }) => decodeSeriesRecordHeader(payload))
    .filter(({ source }) => source !== 'live');
  expect(headers.length).toBeGreaterThan(1);
  database = new MemoryStoreDatabase();
  await applyAll(headers.at(-2)!.to);
  expect(ofJob().length).toBeGreaterThan(0);
  expect((await deep()).findings).toEqual([]);
});
