import { fingerprintHex, fingerprintOf, SampleKind } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import {
  createMemoryCompletionStore,
  createMemoryStore,
  createMemoryStoreReader,
  MemoryStoreDatabase,
} from '@millrace/store/memory';
import {
  dataRecord,
  labelSetOf,
  logStart,
  TEST_TENANT,
  type LoggedRecord,
} from '@millrace/transformer/testing';
import { EventsRecordKind } from '@millrace/wire';
import { describe, expect, test } from 'vitest';
import type { CompleteReport } from './complete-report.ts';
import type { CompleteSettings } from './complete-settings.ts';
import { expectedColumns } from './testing/scene.ts';
import { complete, writeControl } from './testing/completed-log.ts';
import { LiveLog } from './testing/live-log.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** Where windows of all widths begin. */
const T0 = 1_699_999_200 * SECOND;

/** The roll-up, and a rule whose windows are seen, and touched, while they are not over. */
const RULES = {
  rules: [
    {
      name: 'grown',
      match: 'n',
      without: ['instance'],
      widths: ['1m'],
      aggregates: ['count', 'increase'],
      keep_raw: false,
    },
  ],
} as unknown as RuleFile;

/** A window, as readers see it. */
interface Shown {
  startUs: number;
  isMarked: boolean;
  isCompleted: boolean;
  increase: number;
}

/** Some counters that grow, of which samples come late, and runs of complete mode. */
class Counters {
  readonly database: MemoryStoreDatabase = new MemoryStoreDatabase();
  readonly records: LoggedRecord[] = [];
  readonly #live: LiveLog = new LiveLog(createMemoryStore(this.database), { partitions: 1 });
  readonly #completion = createMemoryCompletionStore(this.database);
  readonly #arrived = new Map<string, Set<number>>();
  #sequence = 0;

  async begin(): Promise<void> {
    const start = logStart(RULES).map((one) => ({ ...one, appendTimeUs: T0 }));
    writeControl(this.#live.log, start);
    await this.#append(start);
  }

  /** Samples of some seconds after T0 arrive at one of them; without any, only time goes on. */
  async arrive(atS: number, metric: string, seconds: readonly number[]): Promise<void> {
    const appendTimeUs = T0 + atS * SECOND;
    const receivedAtUs = appendTimeUs;
    if (seconds.length === 0) {
      await this.#append([{ record: { kind: EventsRecordKind.tick, receivedAtUs }, appendTimeUs }]);
      return;
    }
    const samples = seconds.map((second) => ({
      ...{ labels: { __name__: metric }, kind: SampleKind.cumulative },
      ...{ timeUs: T0 + second * SECOND, value: valueAt(second) },
    }));
    this.#arrived.set(metric, new Set([...(this.#arrived.get(metric) ?? []), ...seconds]));
    const record = dataRecord({ samples, receivedAtUs, sequence: (this.#sequence += 1) });
    await this.#append([{ record, appendTimeUs }]);
  }

  async complete(settings?: Partial<CompleteSettings>): Promise<CompleteReport> {
    return await complete({ log: this.#live.log, store: this.#completion }, settings);
  }

  /** What is shown of all windows of one width. */
  async shown(metric: string, widthUs: number): Promise<Map<string, Shown>> {
    const series = fingerprintHex(
      fingerprintOf(TEST_TENANT, labelSetOf({ __name__: metric })),
    ).slice(0, 16);
    const { finals, open, complete: rows } = this.database;
    const names = [...finals, ...open.values()]
      .filter((piece) => piece.widthUs === widthUs)
      .filter(({ fingerprint }) => fingerprintHex(fingerprint).startsWith(series))
      .map(({ fingerprint, ...one }) => ({ ...one, seriesId: fingerprint.slice(0, 8) }));
    const snapshot = await createMemoryStoreReader(this.database).snapshot();
    const { windows } = await snapshot.look(names);
    return new Map(
      windows.map(({ edition, startUs, increase, isMarked, hasRow }) => {
        const name = [edition, series, widthUs, startUs].join(' ');
        const shown = hasRow ? rows.get(name)!.increase : increase;
        return [name, { startUs, isMarked, isCompleted: hasRow, increase: shown! }];
      }),
    );
  }

  /** What it grew by from the first sample that arrived up to the last one of before a time. */
  grown(metric: string, untilUs: number): number {
    const untilS = (untilUs - T0) / SECOND;
    const before = [...(this.#arrived.get(metric) ?? [])].filter((second) => second < untilS);
    return before.length === 0 ? 0 : valueAt(Math.max(...before)) - valueAt(Math.min(...before));
  }

  async #append(records: readonly LoggedRecord[]): Promise<void> {
    this.records.push(...records);
    await this.#live.append(0, records);
  }
}

function increasesOf(shown: ReadonlyMap<string, Shown>): number[] {
  return [...shown.values()].map(({ increase }) => increase);
}

/** Of each second another growth, so that none stands for another one. */
function valueAt(second: number): number {
  return second * 1000 + (second % 7);
}

function between(fromS: number, toS: number, stepS: number): number[] {
  return Array.from({ length: (toS - fromS) / stepS }, (_, i) => fromS + i * stepS);
}

const STEP_S = 5;
const END_S = 3000;

/** How the samples of a seed arrive: those of some minutes are held up, and come together later. */
async function arriveAnyhow(counters: Counters, seed: number): Promise<void> {
  const random = randomOf(seed);
  const held = new Map<string, { fromS: number; toS: number; atS: number }>();
  for (let second = 0; second < END_S; second += STEP_S) {
    for (const metric of METRICS) {
      const one = held.get(metric);
      const mayBeHeld = second > 0 && second < END_S - 400 && second % 60 === 0;
      if (one === undefined && mayBeHeld && random() < 0.3) {
        const toS = second + 60;
        // Mostly longer than the fold remembers.
        held.set(metric, { fromS: second, toS, atS: toS + STEP_S * Math.floor(random() * 50) });
      }
      const { fromS, toS, atS } = held.get(metric) ?? NOT_HELD;
      if (second < fromS || second >= toS) await counters.arrive(second, metric, [second]);
      if (second < atS) continue;
      await counters.arrive(second, metric, between(fromS, toS, STEP_S));
      held.delete(metric);
    }
    await counters.arrive(second, '', []);
    if (random() > 0.1) continue;
    await counters.complete();
    await expectOnce(counters);
  }
}

const NOT_HELD = { fromS: Infinity, toS: Infinity, atS: Infinity };

/**
 * Of windows from the first up to any of them no growth is counted twice: what one of them misses a
 * later one may have, but never both, also while they show as marked. Only a marked one behind one
 * that was computed again may still have what that one took from it, until its turn comes.
 */
async function expectOnce(counters: Counters): Promise<void> {
  for (const [metric, widthUs] of WINDOWS) {
    const shown = [...(await counters.shown(metric, widthUs)).values()];
    shown.sort((a, b) => a.startUs - b.startUs);
    let sum = 0;
    for (const [i, { startUs, isMarked, increase }] of shown.entries()) {
      if (!(isMarked && shown[i - 1]?.isCompleted === true)) sum += increase;
      const what = `${metric} of ${widthUs}, up to the window of ${(startUs - T0) / SECOND} s`;
      expect(sum, what).toBeLessThanOrEqual(counters.grown(metric, startUs + widthUs));
    }
  }
}

const METRICS = ['m', 'n'];
/** The metric, and widths of its windows. */
const WINDOWS: [string, number][] = [
  ['m', 5 * MINUTE],
  ['n', MINUTE],
];

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('what a late sample adds to its window, the next one does not count as well', () => {
  test('where that is not put out yet', async () => {
    const counters = new Counters();
    await counters.begin();
    await counters.arrive(239, 'm', between(0, 240, 1));
    for (let second = 300; second < 370; second += 1) await counters.arrive(second, 'm', [second]);
    // Nobody can tell any more which increase they fall into.
    await counters.arrive(370, 'm', between(240, 300, 1));
    for (let second = 371; second < 390; second += 1) await counters.arrive(second, 'm', [second]);
    expect(await counters.complete()).toMatchObject({ marked: 1, completed: 0, notOver: 1 });
    for (let second = 390; second < 680; second += 1) await counters.arrive(second, 'm', [second]);
    // That of an hour is not over.
    expect(await counters.complete()).toMatchObject({ marked: 2, completed: 1, notOver: 1 });
    expect(increasesOf(await counters.shown('m', 5 * MINUTE))).toEqual([
      valueAt(299) - valueAt(0),
      valueAt(599) - valueAt(299),
    ]);
  });

  test('and it waits for none that is over and shows as marked, whatever comes there', async () => {
    const counters = new Counters();
    const windowS = (5 * MINUTE) / SECOND;
    const shown = async (): Promise<Shown[]> => [
      ...(await counters.shown('m', 5 * MINUTE)).values(),
    ];
    const arriveFor = async (fromS: number, toS: number): Promise<void> => {
      for (let second = fromS; second < toS; second += 1) {
        await counters.arrive(second, 'm', [second]);
        // One of the second window, again and again.
        if (second > 420 && second % 5 === 0) await counters.arrive(second, 'm', [350]);
      }
    };
    await counters.begin();
    await counters.arrive(239, 'm', between(0, 240, 1));
    await arriveFor(360, 420);
    await counters.arrive(420, 'm', between(240, 360, 1));
    await arriveFor(420, 680);
    // The second one is not asked for; that of an hour is not over.
    const first = await counters.complete({ untilUs: T0 + windowS * SECOND });
    expect(first).toMatchObject({ marked: 2, completed: 1, notOver: 1 });
    const [whole, waiting] = await shown();
    expect(whole).toMatchObject({ isMarked: false, increase: valueAt(299) - valueAt(0) });
    expect(waiting).toMatchObject({ isMarked: true, isCompleted: false });
    await arriveFor(680, 985);
    expect(await counters.complete()).toMatchObject({ notCompletable: 0, notOver: 1 });
    const increases = increasesOf(await counters.shown('m', 5 * MINUTE));
    expect(increases.slice(0, 2)).toEqual([valueAt(299) - valueAt(0), valueAt(599) - valueAt(299)]);
  });

  test.each([4, 5, 7])('whenever windows are computed again, seed %i', async (seed) => {
    const counters = new Counters();
    await counters.begin();
    await arriveAnyhow(counters, seed);
    for (const second of [12_000, 12_012, 12_024]) await counters.arrive(second, '', []);
    const report = await counters.complete();
    expect(report).toMatchObject({ notOver: 0, notCompletable: 0 });
    // Nothing shows as marked any more, and all of it is right.
    expect(await counters.complete()).toMatchObject({ marked: 0 });
    const expectedOf = expectedColumns([counters.records]);
    for (const [metric, widthUs] of WINDOWS) {
      const shown = await counters.shown(metric, widthUs);
      const names = [...shown.keys()];
      expect(names.length).toBe(Math.ceil((END_S * SECOND) / widthUs));
      expect([...shown].map(([name, { increase }]) => [name, increase])).toEqual(
        names.map((name) => [name, expectedOf(Number(name.split(' ')[0]), name)['increase']]),
      );
    }
  });
});
