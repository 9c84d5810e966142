import { parseRules } from '@millrace/rules';
import { systemClock } from '@millrace/runtime';
import { TOPIC_CONTROL, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import {
  DEFAULT_FOLD_SETTINGS,
  decodeEventsRecord,
  EventsRecordKind,
  type BarrierRecord,
} from '@millrace/wire';
import { expect, it } from 'vitest';
import { applyRules } from './apply-rules.ts';
import { beginCandidate, dropCandidate, promoteCandidate } from './candidates.ts';
import { openControl } from './open-control.ts';
import { orderJobs } from './order-jobs.ts';
import { readHistory } from './read-history.ts';
import type { RulesVersion } from './rules-history.ts';

const clock = systemClock;
const rule = (name: string, width: string): string =>
  `rules: [{name: ${name}, match: m, widths: [${width}], aggregates: [sum]}]`;

function rulesOf(source: string) {
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return { rules: parsed.compiled, source };
}

async function openStream(): Promise<Stream> {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  const settings = DEFAULT_FOLD_SETTINGS;
  await openControl({ stream, clock }, { ...rulesOf(rule('a', '10s')), settings, foldVersion: 2 });
  return stream;
}

async function lastBarrier(stream: Stream, partition: number): Promise<BarrierRecord> {
  const reader = stream.reader(TOPIC_EVENTS, partition, 0);
  const records = await reader.next({ bytesMax: 1_000_000, waitMs: 1 });
  await reader.close();
  const last = decodeEventsRecord(records.at(-1)!.payload);
  if (last.kind !== EventsRecordKind.barrier) throw new Error('it ends with no barrier');
  return last;
}

const namesOf = ({ rules }: Pick<RulesVersion, 'rules'>) => rules.rules.map(({ name }) => name);
const editionsOf = ({ rules }: Pick<RulesVersion, 'rules'>) =>
  rules.rules.map((one) => one.edition);

it('folds the same rules beside those in force, in editions of their own', async () => {
  const stream = await openStream();
  const sinceUs = clock.nowUs() - 3_600_000_000;
  const before = (await readHistory(stream)).newest!;
  const wanted = { ...rulesOf(before.source), sinceUs };
  const { version, candidate, barriers } = await beginCandidate({ stream, clock }, wanted);
  expect(editionsOf(version)).toEqual(editionsOf(before));
  expect(candidate).toMatchObject({ number: version.number, sinceUs, source: before.source });
  expect(namesOf(candidate!)).toEqual(namesOf(before));
  expect(Math.min(...editionsOf(candidate!))).toBeGreaterThan(Math.max(...editionsOf(before)));
  expect(barriers).toEqual([1, 1]);
  for (const partition of [0, 1]) {
    const { rules, candidates } = await lastBarrier(stream, partition);
    expect({ rules, candidates }).toEqual({
      rules: version.rules,
      candidates: [{ number: version.number, rules: candidate!.rules }],
    });
  }
});

it('changes places when it is promoted, and back again', async () => {
  const stream = await openStream();
  const parts = { stream, clock };
  const before = (await readHistory(stream)).newest!;
  const begun = await beginCandidate(parts, { ...rulesOf(rule('b', '30s')), sinceUs: 0 });
  // Other rules leave it as it is.
  const applied = (await applyRules(parts, rulesOf(rule('a', '20s')))).version;
  expect(applied.candidates).toEqual(begun.version.candidates);
  const promoted = await promoteCandidate(parts, begun.version.number);
  expect(namesOf(promoted.version)).toEqual(namesOf(begun.candidate!));
  expect(promoted.version.source).toBe(begun.candidate!.source);
  const { number: keptNumber } = promoted.version;
  expect(promoted.candidate).toMatchObject({ number: keptNumber, sinceUs: Infinity });
  expect(editionsOf(promoted.candidate!)).toEqual(editionsOf(applied));
  expect((await applyRules(parts, rulesOf(rule('b', '30s')))).plan.isChanged).toBe(false);
  const back = await promoteCandidate(parts, keptNumber);
  expect(editionsOf(back.version)).toEqual(editionsOf(applied));
  expect(editionsOf(back.version)).not.toEqual(editionsOf(before));
  expect(editionsOf(back.candidate!)).toEqual(editionsOf(begun.candidate!));
  // Whatever becomes of them, rules are called by one number.
  expect(back.candidate!.number).toBe(begun.version.number);
  const again = await promoteCandidate(parts, begun.version.number);
  expect(again.candidate!.number).toBe(keptNumber);
  const dropped = await dropCandidate(parts, keptNumber);
  expect(dropped.version.candidates).toEqual([]);
  expect(await lastBarrier(stream, 0)).not.toHaveProperty('candidates');
});

it('only tells the partitions again what is promoted or dropped already', async () => {
  const stream = await openStream();
  const parts = { stream, clock };
  const { number } = (await beginCandidate(parts, { ...rulesOf(rule('b', '30s')), sinceUs: 0 }))
    .version;
  const kept = (await promoteCandidate(parts, number)).candidate!.number;
  expect(kept).not.toBe(number);
  const { end } = await stream.bounds(TOPIC_CONTROL, 0);
  const barriersIn = async () => (await stream.bounds(TOPIC_EVENTS, 0)).end;
  const before = await barriersIn();
  const again = await promoteCandidate(parts, number);
  expect(again.version.rules.rules.map(({ name }) => name)).toContain('b');
  await expect(dropCandidate(parts, number)).rejects.toMatchObject({ code: 'CANDIDATE_IN_FORCE' });
  expect((await stream.bounds(TOPIC_CONTROL, 0)).end).toBe(end);
  await dropCandidate(parts, kept);
  const { end: dropped } = await stream.bounds(TOPIC_CONTROL, 0);
  expect((await dropCandidate(parts, kept)).version.candidates).toEqual([]);
  await expect(promoteCandidate(parts, kept)).rejects.toMatchObject({ code: 'CANDIDATE_UNKNOWN' });
  expect((await stream.bounds(TOPIC_CONTROL, 0)).end).toBe(dropped);
  expect(await barriersIn()).toBeGreaterThanOrEqual(before + 3);
});

it('is refused when there are two, when it begins in the future, when there is none', async () => {
  const stream = await openStream();
  const parts = { stream, clock };
  const wanted = { ...rulesOf(rule('b', '30s')), sinceUs: 0 };
  const future = { ...wanted, sinceUs: clock.nowUs() + 60_000_000 };
  await expect(beginCandidate(parts, future)).rejects.toMatchObject({ code: 'REPROCESS_SINCE' });
  const { version } = await beginCandidate(parts, wanted);
  await beginCandidate(parts, wanted);
  const { end } = await stream.bounds(TOPIC_CONTROL, 0);
  await expect(beginCandidate(parts, wanted)).rejects.toMatchObject({ code: 'CANDIDATES_FULL' });
  for (const change of [promoteCandidate, dropCandidate]) {
    await expect(change(parts, 7)).rejects.toMatchObject({ code: 'CANDIDATE_UNKNOWN' });
  }
  const orderOther = orderJobs(parts, 7, { isPaused: true });
  await expect(orderOther).rejects.toMatchObject({ code: 'CANDIDATE_UNKNOWN' });
  expect((await stream.bounds(TOPIC_CONTROL, 0)).end).toBe(end);
  await dropCandidate(parts, version.number);
  await beginCandidate(parts, wanted);
});

it('has jobs that are bounded from the start on, also when other rules came since', async () => {
  const stream = await openStream();
  const parts = { stream, clock };
  const wanted = { ...rulesOf(rule('b', '30s')), sinceUs: 0 };
  const bounded = await beginCandidate(parts, { ...wanted, samplesPerSecondMax: 70 });
  const { number } = bounded.version;
  const order = async (of: number) => (await readHistory(stream)).jobsOrder(of);
  expect(await order(number)).toEqual({ isPaused: false, samplesPerSecondMax: 70 });
  const other = (await beginCandidate(parts, wanted)).version.number;
  await applyRules(parts, rulesOf(rule('a', '20s')));
  expect(await order(number)).toEqual({ isPaused: false, samplesPerSecondMax: 70 });
  expect(await order(other)).toEqual({ isPaused: false, samplesPerSecondMax: 0 });
  await orderJobs(parts, number, { samplesPerSecondMax: 0 });
  await dropCandidate(parts, other);
  expect(await order(number)).toEqual({ isPaused: false, samplesPerSecondMax: 0 });
});

it('has jobs that go on as it was said last', async () => {
  const stream = await openStream();
  const parts = { stream, clock };
  const wanted = { ...rulesOf(rule('b', '30s')), sinceUs: 0 };
  const { number } = (await beginCandidate(parts, wanted)).version;
  const order = async () => (await readHistory(stream)).jobsOrder(number);
  expect(await order()).toEqual({ isPaused: false, samplesPerSecondMax: 0 });
  await orderJobs(parts, number, { samplesPerSecondMax: 1000 });
  await orderJobs(parts, number, { isPaused: true });
  expect(await order()).toEqual({ isPaused: true, samplesPerSecondMax: 1000 });
});
