import { cp, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditReport } from '@millrace/audit';
import { TOPIC_EVENTS } from '@millrace/stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../integration/running-millrace.ts';
import type { LoadRun } from '../load/load-run.ts';
import { runCrashRound } from './crash-round.ts';
import { CrashWorld } from './crash-world.ts';

/** Of the 2000 series, before the fault. */
const STEPS = 10;
/** The load waits for the fault, not the fault for the load: so it need not be much. */
const RATE = 20_000;
const ROUND_MS_MAX = 240_000;
const SOON_MS_MAX = 60_000;
/** So small that the log forgets its beginning while a round lasts. */
const SMALL_LOG = {
  MILLRACE_LOG__SEGMENT_BYTES: '1MiB',
  MILLRACE_LOG__RETENTION_BYTES: '1MiB',
  MILLRACE_TRANSFORMER__COMMIT_MS: '500ms',
};

interface Loss {
  name: string;
  /** What happens to the files of a state while no process runs. */
  damage: (state: string, copy: string) => Promise<void>;
  /** What the next start says. */
  says: RegExp;
}

const RESTORED = /a checkpoint took its place/;

const LOSSES: Loss[] = [
  { name: 'is gone', damage: (state) => rm(state, { recursive: true }), says: RESTORED },
  {
    name: 'was cut in half',
    damage: async (state) => {
      const file = join(state, 'data.mdb');
      await truncate(file, Math.floor((await stat(file)).size / 2));
    },
    says: RESTORED,
  },
  { name: 'is full of other bytes', damage: (state) => scribble(state), says: RESTORED },
  {
    name: 'is that of yesterday',
    damage: async (state, copy) => {
      await rm(state, { recursive: true });
      await cp(copy, state, { recursive: true });
    },
    says: /taken over/,
  },
];

describe('everything acknowledged is stored once after kill -9 and a state that', () => {
  let world: CrashWorld;
  let copy: string;
  beforeAll(async () => {
    world = await CrashWorld.start(undefined, SMALL_LOG);
    copy = join(world.playground.path, 'copy');
    await world.stopAndStart();
    await world.killProcess(() => cp(stateOf(world), copy, { recursive: true }));
  });
  afterAll(async () => await world?.remove());

  test.each(LOSSES.map((loss) => [loss.name, loss] as const))(
    '%s',
    { timeout: ROUND_MS_MAX },
    async (name, { damage, says }) => {
      const { faults, result } = await runCrashRound(world, {
        metric: `lost_${name.replaceAll(' ', '_')}`,
        ...{ share: 1, steps: STEPS, rate: RATE, isOpenEnded: true },
        fault: async (here, run) => {
          await checkpointNow(here);
          await more(run);
          await here.killProcess(() => damage(stateOf(here), copy));
          await until('it says what it does', SOON_MS_MAX, async () => {
            return says.test(here.millrace.output());
          });
          await more(run);
        },
      });
      expect(faults).toEqual([]);
      expect(Object.keys(result.retries).length).toBeGreaterThan(0);
    },
  );

  test('and the log had forgotten its beginning', { timeout: ROUND_MS_MAX }, async () => {
    await checkpointNow(world);
    await until('the log has forgotten its beginning', SOON_MS_MAX, async () => {
      return Math.max(...(await eventStarts(world))) > 0;
    });
    const { code, stdout } = await world.playground.run(['checkpoint', 'verify']);
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/none is damaged/);
    // What is left of it is proven all the same, folded again from checkpoints as well.
    for (const flags of [[], ['--deep']]) {
      const audit = await world.playground.run(['audit', '--json', ...flags]);
      expect(audit.code, audit.stdout + audit.stderr).toBe(0);
      const { findings, partitions, rows } = JSON.parse(audit.stdout) as AuditReport;
      expect(findings).toEqual([]);
      expect(rows['samples']).toBeGreaterThan(0);
      const cut = partitions.filter(({ from }) => from > 0);
      expect(cut.length).toBeGreaterThan(0);
      const isFolded = flags.length > 0;
      expect(cut.every(({ checkpoint }) => (checkpoint !== undefined) === isFolded)).toBe(true);
    }
  });
});

/** As the command does, without the time that a command takes to start. */
async function checkpointNow({ millrace }: CrashWorld): Promise<void> {
  const answer = await fetch(`${millrace.info.url}/api/v1/checkpoints`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  const { partitions } = (await answer.json()) as { partitions: { outcome: string }[] };
  expect(partitions.map(({ outcome }) => outcome)).toEqual(Array(4).fill('made'));
}

/** The load goes on for a while. */
async function more(run: LoadRun): Promise<void> {
  const before = run.samples;
  await until('the load goes on', SOON_MS_MAX, async () => run.samples >= before + 20_000);
}

function stateOf({ playground }: CrashWorld): string {
  return join(playground.dataDir, 'state');
}

/** Bytes of no meaning over everything behind the file's first pages. */
async function scribble(state: string): Promise<void> {
  const file = await open(join(state, 'data.mdb'), 'r+');
  const { size } = await file.stat();
  const junk = Buffer.alloc(512);
  for (let at = 16_384; at + junk.length < size; at += 8192) {
    junk.fill(at % 251);
    await file.write(junk, 0, junk.length, at + 1000);
  }
  await file.close();
}

/** The first offset that each partition of the events still has. */
async function eventStarts({ playground }: CrashWorld): Promise<number[]> {
  const topic = join(playground.dataDir, 'log', TOPIC_EVENTS);
  const partitions = await readdir(topic);
  const first = async (partition: string): Promise<number> => {
    const names = (await readdir(join(topic, partition))).toSorted();
    return Number.parseInt(names[0] ?? '0', 10);
  };
  return await Promise.all(partitions.map(first));
}
