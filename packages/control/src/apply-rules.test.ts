import { parseRules } from '@millrace/rules';
import { systemClock } from '@millrace/runtime';
import {
  TOPIC_CONTROL,
  TOPIC_EVENTS,
  StreamError,
  type Stream,
  type Topic,
} from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import {
  DEFAULT_FOLD_SETTINGS,
  decodeEventsRecord,
  EventsRecordKind,
  type BarrierRecord,
} from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { applyRules } from './apply-rules.ts';
import { openControl } from './open-control.ts';
import type { WantedRules } from './plan-rules.ts';
import { readHistory } from './read-history.ts';

const clock = systemClock;
const PARTITIONS = 3;

function newLog(partitions = PARTITIONS): MemoryLog {
  return new MemoryLog({ partitions, clock });
}

function wanted(yaml: string, settings = {}): WantedRules {
  const parsed = parseRules(yaml);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return {
    rules: parsed.compiled,
    settings: { ...DEFAULT_FOLD_SETTINGS, ...settings },
    foldVersion: 1,
    source: yaml,
  };
}

const rule = (name: string, width: string, more = ''): string =>
  `  - {name: ${name}, match: ${name}_total, widths: [${width}], aggregates: [sum]${more}}\n`;
const A1 = `rules:\n${rule('a', '10s')}`;
const A1B = `${A1}${rule('b', '1m')}`;
const A2B = `rules:\n${rule('a', '30s')}${rule('b', '1m')}`;

/** Barriers of a partition: [number, after, editions by rule]. */
async function barriersOf(stream: Stream, partition: number): Promise<BarrierRecord[]> {
  const reader = stream.reader(TOPIC_EVENTS, partition, 0);
  const records = await reader.next({ bytesMax: 1_000_000, waitMs: 1 });
  const barriers = records.map(({ payload }) => decodeEventsRecord(payload));
  await reader.close();
  return barriers.filter((one) => one.kind === EventsRecordKind.barrier);
}

async function editionsOf(stream: Stream): Promise<Record<string, number>> {
  const { newest } = await readHistory(stream);
  return Object.fromEntries(newest!.rules.rules.map(({ name, edition }) => [name, edition]));
}

/** The same stream with another side. */
function withOther(stream: Stream, other: Partial<Stream>): Stream {
  const { partitions } = stream;
  return {
    partitions,
    producer: () => stream.producer(),
    reader: (...where) => stream.reader(...where),
    bounds: (...where) => stream.bounds(...where),
    release: (...where) => stream.release(...where),
    close: () => stream.close(),
    ...other,
  };
}

/** The same stream, whose appends fail as `when` says. */
function failing(stream: Stream, when: (topic: Topic, partition: number) => boolean): Stream {
  return withOther(stream, {
    producer: () => {
      const producer = stream.producer();
      return {
        append: async (topic: Topic, partition: number, payload: Uint8Array) => {
          if (!when(topic, partition)) return await producer.append(topic, partition, payload);
          throw new StreamError({ code: 'STREAM_BROKEN', message: 'Cut.', remedy: 'Again.' });
        },
        close: () => producer.close(),
      };
    },
  });
}

describe('applying rules', () => {
  it('gives an edition to what differs, and tells every partition', async () => {
    const stream = openMemoryStream(newLog());
    const parts = { stream, clock };
    const { inForce } = await openControl(parts, wanted(A1));
    const before = await editionsOf(stream);
    const { plan, version, barriers } = await applyRules(parts, wanted(A2B));
    expect(plan.added.map(({ name }) => name)).toEqual(['b']);
    expect(plan.changed.map(({ to }) => to.name)).toEqual(['a']);
    expect(plan.unchanged.map(({ name }) => name)).toEqual(['rollup']);
    expect(version.after).toBe(inForce.number);
    const after = await editionsOf(stream);
    expect(after['rollup']).toBe(before['rollup']);
    expect(after['a']).toBeGreaterThan(before['a']!);
    expect(new Set(Object.values(after)).size).toBe(3);
    expect(barriers).toEqual([1, 1, 1]);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const [barrier] = await barriersOf(stream, partition);
      const { number, rules, settings } = version;
      expect(barrier).toMatchObject({ number, after: inForce.number, partitions: 3 });
      expect(barrier).toMatchObject({ rules, settings });
    }
  });

  it('changes nothing when nothing differs, and never gives an edition twice', async () => {
    const stream = openMemoryStream(newLog());
    const parts = { stream, clock };
    await openControl(parts, wanted(A1));
    const first = await editionsOf(stream);
    const { end } = await stream.bounds(TOPIC_CONTROL, 0);
    expect((await applyRules(parts, wanted(A1))).plan.isChanged).toBe(false);
    expect((await stream.bounds(TOPIC_CONTROL, 0)).end).toBe(end);
    await applyRules(parts, wanted(A2B));
    await applyRules(parts, wanted(A1));
    const back = await editionsOf(stream);
    expect(back['a']).toBeGreaterThan(first['a']!);
    expect(Object.keys(back)).toEqual(['rollup', 'a']);
  });

  it('gives the roll-up another edition when others take series away from it', async () => {
    const stream = openMemoryStream(newLog());
    const parts = { stream, clock };
    await openControl(parts, wanted(A1));
    const notRaw = `rules:\n${rule('a', '10s', ', keep_raw: false')}`;
    const { plan } = await applyRules(parts, wanted(notRaw));
    expect(plan.changed.map(({ to }) => to.name).sort()).toEqual(['a', 'rollup']);
    const again = await applyRules(parts, wanted(`${notRaw}${rule('b', '1m')}`));
    expect(again.plan.unchanged.map(({ name }) => name)).toEqual(['rollup', 'a']);
  });

  it('tells of settings and fold versions that change', async () => {
    const stream = openMemoryStream(newLog());
    const parts = { stream, clock };
    await openControl(parts, wanted(A1));
    const { plan, version } = await applyRules(parts, wanted(A1, { latenessUs: 120_000_000 }));
    expect(plan.settings).toEqual([{ name: 'latenessUs', from: 60_000_000, to: 120_000_000 }]);
    expect(version.settings.latenessUs).toBe(120_000_000);
  });

  it('brings another fold version into force, and the rules stay', async () => {
    const stream = openMemoryStream(newLog());
    const parts = { stream, clock };
    await openControl(parts, wanted(A1));
    const before = await editionsOf(stream);
    const { plan } = await applyRules(parts, { foldVersion: 2 });
    expect(plan).toMatchObject({ isChanged: true, foldVersion: { from: 1, to: 2 } });
    expect(await editionsOf(stream)).toEqual(before);
    const { newest } = await readHistory(stream);
    expect(newest).toMatchObject({ foldVersion: 2, source: A1 });
    expect(await barriersOf(stream, 1)).toMatchObject([{ foldVersion: 2, number: newest!.number }]);
    expect((await applyRules(parts, { foldVersion: 2 })).plan.isChanged).toBe(false);
  });

  it('refuses fold versions that nobody has, and rules that need another one', async () => {
    const stream = openMemoryStream(newLog());
    const parts = { stream, clock };
    await openControl(parts, wanted(A1));
    const refused = expect.objectContaining({ code: 'RULES_FOLD_VERSION' });
    await expect(applyRules(parts, { foldVersion: 99 })).rejects.toEqual(refused);
    const { rules, source } = wanted('rules: [{name: noise, match: m, drop: true}]');
    await expect(applyRules(parts, { rules, source })).rejects.toEqual(refused);
    expect((await readHistory(stream)).versions).toHaveLength(1);
    const both = await applyRules(parts, { rules, source, foldVersion: 2 });
    expect(both.version.rules.rules.at(-1)).toMatchObject({ name: 'noise', drop: true });
    await expect(applyRules(parts, { foldVersion: 1 })).rejects.toEqual(refused);
  });

  it('can die in the middle of the barriers and be repeated', async () => {
    const stream = openMemoryStream(newLog());
    await openControl({ stream, clock }, wanted(A1));
    const cut = failing(stream, (topic, partition) => topic === TOPIC_EVENTS && partition === 1);
    const dying = applyRules({ stream: cut, clock }, wanted(A1B));
    await expect(dying).rejects.toMatchObject({ code: 'RULES_BARRIERS_MISSING' });
    await expect(dying).rejects.toThrow('1 partitions (1)');
    expect(await barriersOf(stream, 1)).toEqual([]);
    const { plan, version } = await applyRules({ stream, clock }, wanted(A1B));
    expect(plan.isChanged).toBe(false);
    const numbers = await Promise.all(
      [0, 1, 2].map(async (p) => (await barriersOf(stream, p)).map(({ number }) => number)),
    );
    expect(numbers).toEqual([
      [version.number, version.number],
      [version.number],
      [version.number, version.number],
    ]);
  });

  it('can die before the version is recorded: nothing has changed', async () => {
    const stream = openMemoryStream(newLog());
    const { inForce } = await openControl({ stream, clock }, wanted(A1));
    let appends = 0;
    const cut = failing(stream, (topic) => topic === TOPIC_CONTROL && (appends += 1) > 2);
    await expect(applyRules({ stream: cut, clock }, wanted(A2B))).rejects.toThrow('Cut.');
    expect((await readHistory(stream)).newest?.number).toBe(inForce.number);
    const { version } = await applyRules({ stream, clock }, wanted(A2B));
    expect(version.after).toBe(inForce.number);
  });

  it('refuses rules that no barrier could carry, before anything is recorded', async () => {
    const stream = openMemoryStream(newLog());
    const parts = { stream, clock };
    await openControl(parts, wanted(A1));
    const { end } = await stream.bounds(TOPIC_CONTROL, 0);
    const pods = Array.from({ length: 150 }, (_, i) => `pod-of-the-big-cluster-${i}`).join('|');
    const big = Array.from({ length: 150 }, (_, i) => {
      return `  - {name: r${i}, match: 'm{pod=~"${pods}"}', widths: [1m], aggregates: [sum]}\n`;
    });
    const rules = wanted(`rules:\n${big.slice(0, 60).join('')}`);
    await applyRules(parts, rules);
    const before = await stream.bounds(TOPIC_CONTROL, 0);
    expect(before.end).toBeGreaterThan(end);
    const refused = { code: 'RULES_TOO_BIG', kind: 'permanent' };
    const many = wanted(`rules:\n${big.join('')}`);
    await expect(applyRules(parts, many)).rejects.toMatchObject(refused);
    const comments = { ...wanted(A1), source: `# ${'x'.repeat(950_000)}\n${A1}` };
    await expect(applyRules(parts, comments)).rejects.toMatchObject(refused);
    expect((await stream.bounds(TOPIC_CONTROL, 0)).end).toBe(before.end);
  });

  it('lets one of two win who apply at once, and tells the other', async () => {
    const stream = openMemoryStream(newLog());
    await openControl({ stream, clock }, wanted(A1));
    const results = await Promise.allSettled([
      applyRules({ stream, clock }, wanted(A2B)),
      applyRules({ stream, clock }, wanted(A1B)),
    ]);
    const lost = results.filter((one) => one.status === 'rejected');
    expect(lost).toHaveLength(1);
    expect(lost[0]?.reason).toMatchObject({ code: 'RULES_OUTRUN' });
    const history = await readHistory(stream);
    expect(history.versions).toHaveLength(2);
    expect(history.lost).toBe(1);
  });
});

describe('opening control', () => {
  it('is done once, however many do it at the same time', async () => {
    const log = newLog();
    const open = async (): Promise<number> => {
      const stream = openMemoryStream(log);
      return (await openControl({ stream, clock }, wanted(A1))).inForce.number;
    };
    const numbers = await Promise.all([open(), open(), open()]);
    expect(new Set(numbers).size).toBe(1);
    expect(await open()).toBe(numbers[0]);
    const history = await readHistory(openMemoryStream(log));
    expect(history.versions).toHaveLength(1);
    expect(history.partitions).toBe(PARTITIONS);
  });

  it('refuses an empty control topic beside events', async () => {
    const stream = openMemoryStream(newLog());
    const producer = stream.producer();
    await producer.append(TOPIC_EVENTS, 2, Uint8Array.of(1));
    const opening = openControl({ stream, clock }, wanted(A1));
    await expect(opening).rejects.toMatchObject({ code: 'CONTROL_LOST', kind: 'permanent' });
  });

  it('refuses a log whose number of partitions changed', async () => {
    const stream = openMemoryStream(newLog());
    await openControl({ stream, clock }, wanted(A1));
    const other = withOther(stream, { partitions: 5 });
    await expect(openControl({ stream: other, clock }, wanted(A1))).rejects.toMatchObject({
      code: 'CONTROL_PARTITIONS',
    });
  });

  it('refuses records that nobody of ours wrote', async () => {
    const stream = openMemoryStream(newLog());
    await stream.producer().append(TOPIC_CONTROL, 0, Uint8Array.of(0x92, 1, 2));
    const opening = openControl({ stream, clock }, wanted(A1));
    await expect(opening).rejects.toMatchObject({ kind: 'permanent' });
  });
});
