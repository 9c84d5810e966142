import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError, systemClock, type Clock } from '@millrace/runtime';
import { decodeBatch } from '@millrace/wire';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fileTime } from '../read/read-file.ts';
import { READ_DEFAULTS } from '../testing/read-text.ts';
import {
  noProgress,
  progressPath,
  readProgress,
  writeProgress,
  type BackfillProgress,
} from './backfill-progress.ts';
import type { BackfillTarget } from './backfill-target.ts';
import { sendFile, type SendSettings } from './send-file.ts';

const SETTINGS: SendSettings = {
  stretch: { samplesMax: 7, labelBytesMax: 1_000_000 },
  request: { samplesMax: 3, seriesMax: 2, labelBytesMax: 1_000_000 },
  samplesPerSecond: undefined,
  awayMsMax: 60_000,
};
const DIGEST = 'd'.repeat(64);
/** Nothing here waits for real. */
const clock: Clock = {
  nowUs: () => systemClock.nowUs(),
  sleep: async () => await Promise.resolve(),
};

let path: string;
beforeEach(() => (path = join(tmpdir(), `millrace-${randomUUID()}.csv`)));
afterEach(async () => {
  await rm(path, { force: true });
  await rm(progressPath(path, undefined), { force: true });
});

class Killed extends Error {}

/** Knows requests by their identity, as a log does; and is killed, or away, at given calls. */
class TestTarget implements BackfillTarget {
  readonly samples: string[] = [];
  readonly bodies = new Map<string, string>();
  repeats = 0;
  calls = 0;
  readonly #killedAt: ReadonlySet<number>;
  readonly #awayAt: ReadonlySet<number>;

  constructor(killedAt: readonly number[] = [], awayAt: readonly number[] = []) {
    this.#killedAt = new Set(killedAt);
    this.#awayAt = new Set(awayAt);
  }

  async send(body: Uint8Array): ReturnType<BackfillTarget['send']> {
    this.calls += 1;
    if (this.#awayAt.has(this.calls)) throw away();
    const batch = decodeBatch(body);
    const name = Buffer.from(`${batch.producer} ${batch.session} ${batch.sequence}`).toString(
      'hex',
    );
    const text = Buffer.from(body).toString('hex');
    const known = this.bodies.get(name);
    if (known === undefined) this.#take(batch);
    else this.repeats += 1;
    if ((known ?? text) !== text) throw new Error('one identity, and two bodies');
    this.bodies.set(name, text);
    // The answer is lost with the process.
    if (this.#killedAt.has(this.calls)) throw new Killed();
    return await Promise.resolve({ accepted: batch.samples, rejected: [], token: name });
  }

  async stored(): Promise<boolean> {
    this.calls += 1;
    if (this.#awayAt.has(this.calls)) throw away();
    if (this.#killedAt.has(this.calls)) throw new Killed();
    return await Promise.resolve(this.calls % 3 !== 0);
  }

  #take({ samples, columns, table }: ReturnType<typeof decodeBatch>): void {
    const { view, seriesAt, timesAt, isOneTime, valuesAt } = columns;
    for (let i = 0; i < samples; i += 1) {
      const series = view.getUint32(seriesAt + 4 * i, true);
      const time = view.getBigInt64(timesAt + (isOneTime ? 0 : 8 * i), true);
      const labels = table!.labelsOf(series).flat().join(' ');
      this.samples.push(`${labels} ${time} ${view.getFloat64(valuesAt + 8 * i, true)}`);
    }
  }
}

function away(): MillraceError {
  return new MillraceError({ code: 'TEST_AWAY', kind: 'transient', message: 'It is away.' });
}

async function sendOnce(target: BackfillTarget, settings = SETTINGS): Promise<BackfillProgress> {
  const noted = progressPath(path, undefined);
  const progress = (await readProgress(noted, DIGEST)) ?? noProgress(DIGEST, 'now');
  const read = { ...READ_DEFAULTS, metric: 'm' };
  const { signal } = new AbortController();
  const parts = { path, settings: read, time: fileTime(read), progress, target, clock, signal };
  const save = async (one: BackfillProgress): Promise<void> => await writeProgress(noted, one);
  return await sendFile({ ...parts, save }, settings);
}

it('sends every sample once, whenever it is killed and whenever the receiver is away', async () => {
  const rows = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 50 })), { maxLength: 60 });
  const calls = fc.array(fc.nat({ max: 60 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(rows, calls, calls, async (list, killedAt, awayAt) => {
      await rm(progressPath(path, undefined), { force: true });
      const lines = list.map(([host, second], i) => `${1_795_953_600 + second},h${host},${i}`);
      await writeFile(path, ['time,host,value', ...lines].join('\n'));
      const target = new TestTarget(killedAt, awayAt);
      let progress: BackfillProgress | undefined;
      while (progress === undefined) {
        progress = await sendOnce(target).catch((error: unknown) => {
          if (error instanceof Killed) return undefined;
          throw error;
        });
      }
      const expected = list.map(([host, second], i) => {
        return `__name__ m host h${host} ${(1_795_953_600 + second) * 1e6} ${i}`;
      });
      expect(target.samples.toSorted()).toEqual(expected.toSorted());
      expect(progress).toMatchObject({ samples: list.length, accepted: list.length });
      expect(target.repeats).toBeLessThanOrEqual(4 * killedAt.length);
      const again = new TestTarget();
      await sendOnce(again);
      expect(again.bodies.size).toBe(0);
    }),
    { numRuns: 60 },
  );
});

it('gives up for now when the receiver is away for too long, and goes on later', async () => {
  await writeFile(path, 'time,host,value\n1795953600,a,1\n1795953601,a,2\n');
  const never = new TestTarget(
    [],
    Array.from({ length: 100_000 }, (_, i) => i),
  );
  const promise = sendOnce(never, { ...SETTINGS, awayMsMax: 20 });
  await expect(promise).rejects.toMatchObject({ code: 'BACKFILL_AWAY', kind: 'transient' });
  const target = new TestTarget();
  await sendOnce(target);
  expect(target.samples).toHaveLength(2);
});

it('tells what was refused, by reason', async () => {
  await writeFile(
    path,
    `time,host,value\n${Array.from({ length: 9 }, (_, i) => `${1_795_953_600 + i},a,1\n`).join('')}`,
  );
  const refusing: BackfillTarget = {
    send: async () => {
      const one = { reason: 'series_limit', count: 1, examples: ['sample 0: x'], remedy: 'Less.' };
      return await Promise.resolve({ accepted: 2, rejected: [one as never], token: undefined });
    },
    stored: async () => await Promise.resolve(true),
  };
  const { samples, rejected } = await sendOnce(refusing);
  expect(samples).toBe(9);
  expect(rejected).toEqual([
    {
      ...{ reason: 'series_limit', count: 4, remedy: 'Less.' },
      examples: ['sample 0: x', 'sample 0: x', 'sample 0: x'],
    },
  ]);
});
