import { parseArgs } from 'node:util';
import { soakFuzz } from '../fuzz/soak-fuzz.ts';
import { soakModel } from '../model/soak-model.ts';
import { Random } from '../sim/random.ts';
import { accountFor, runCrashRound, type RoundOutcome } from './crash-round.ts';
import { CrashWorld, SmallDisk } from './crash-world.ts';
import { soakDistributed } from './soak-distributed.ts';
import { soakOverload } from './soak-overload.ts';
import { drawFault, type SoakFault } from './soak-faults.ts';
import { soakSimulation } from '../sim/soak-simulation.ts';
import { soakClusterReprocess, soakReprocess } from './soak-reprocess.ts';
import { soakOutages } from './soak-outages.ts';
import { soakPromotions } from './soak-promotions.ts';
import { recordRound } from './survived-faults.ts';

const USAGE = `npm run soak -- [--minutes N] [--seed N]
npm run soak -- --distributed [--minutes N] [--seed N] [--round N] [--outage-seconds N]
npm run soak -- --fuzz [--minutes N] [--seed N]
npm run soak -- --model [--minutes N]
npm run soak -- --overload [--minutes N]
npm run soak -- --outages [--outage NAME]… [--outage-seconds N]
npm run soak -- --promotions [--minutes N] [--seed N]
npm run soak -- --reprocess [--distributed] [--minutes N] [--seed N]
npm run soak -- --sim [--minutes N] [--seed N] [--seeds N]
Rounds of load with something going wrong in the middle, at random by the seed, until the time is
over (10 minutes). Exits with 1 at the first sample that is missing or counted twice.
--distributed: as processes, on three Kafka brokers, Redis and TimescaleDB. --round: the first one.
--outage-seconds: how long something is away at most (12).
--outages: Kafka, Redis or the database away at start or in the middle, each outage (or the named
ones) in a world of its own and all side by side, for --outage-seconds each (an hour; half of it
for the database alone).
Each round with real faults is counted in test/e2e/faults-survived.json, which the README shows.
--promotions: rules are promoted and rolled back by the command, while 200 queries a second look and
late samples arrive: each answer is of one rule set, and nothing that arrived is missing.
--reprocess: history is folded again under the same rules, by a process that is killed five times on
the way, with late samples of it; both editions are the same, and both audits pass.
--sim: simulated runs, on all cores, from --seed on, --seeds of them at most.

--fuzz: broken inputs for every reader of bytes; what breaks one is kept in test/fuzz/failed.
--model: every order of the commit protocol's steps, as deep as time and memory reach.
--overload: senders faster than one process for so long, then slow connections, a silent store and
new series.`;

/** A world lives so long; then its disk space is given back. */
const ROUNDS_PER_WORLD = 8;
const STEPS = 100;
const STEPS_ON_SMALL_DISK = 360;
const DISK_MIB = 700;

const options = readOptions();
const { minutes, seed } = options;
const random = new Random(seed);
const deadlineMs = performance.now() + minutes * 60_000;
const smallDisks = SmallDisk.isPossible;
let world: CrashWorld | undefined;
let outcomes: RoundOutcome[] = [];
let isStopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isStopping = true;
    say('Stopping after this round.');
  });
}

if (!options.outages && !options.sim) say(`Seed ${seed}, ${minutes} minutes.`);
const isStoppingNow = (): boolean => isStopping;
if (options.fuzz) {
  const isWhole = await soakFuzz({ ...options, say, isStopping: isStoppingNow });
  process.exitCode = isWhole ? 0 : 1;
} else if (options.sim) {
  const isWhole = await soakSimulation({ ...options, say, isStopping: isStoppingNow });
  process.exitCode = isWhole ? 0 : 1;
} else if (options.outages) {
  const { outageSeconds, outage: names } = options;
  const isWhole = await soakOutages({ outageSeconds, names, say, isStopping: isStoppingNow });
  process.exitCode = isWhole ? 0 : 1;
} else if (options.reprocess) {
  const soak = options.distributed ? soakClusterReprocess : soakReprocess;
  const isWhole = await soak({ ...options, say, isStopping: isStoppingNow });
  process.exitCode = isWhole ? 0 : 1;
} else if (options.promotions) {
  const isWhole = await soakPromotions({ ...options, say, isStopping: isStoppingNow });
  process.exitCode = isWhole ? 0 : 1;
} else if (options.overload) {
  process.exitCode = (await soakOverload({ minutes, say })) ? 0 : 1;
} else if (options.model) {
  process.exitCode = (await soakModel({ minutes, say })) ? 0 : 1;
} else if (options.distributed) {
  const isWhole = await soakDistributed({
    ...options,
    outageSeconds: options.outageSeconds ?? 12,
    say,
    isStopping: isStoppingNow,
  });
  process.exitCode = isWhole ? 0 : 1;
} else {
  await soakEmbedded();
}

async function soakEmbedded(): Promise<void> {
  if (!smallDisks)
    say('!! NOT RUN: full disk, which needs to mount one. To run it: sudo npm run soak');
  let rounds = 0;
  try {
    for (; performance.now() < deadlineMs && !isStopping; rounds += 1) await round(rounds);
    await closeWorld();
    say(`${rounds} rounds, nothing missing and nothing twice. Seed ${seed}.`);
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    say(`round ${rounds + 1} BROKE: ${message}\n${stack ?? ''}`);
    say(`Seed ${seed}: npm run soak -- --seed ${seed}`);
    if (world !== undefined) {
      say(`What Millrace said last:\n${world.millrace.output().slice(-5000)}`);
      await world.leave();
      say(`Everything is left in ${world.playground.path}`);
    }
    process.exitCode = 1;
  }
}

async function round(number: number): Promise<void> {
  const fault = drawFault(random, smallDisks);
  const share = 0.02 + 0.7 * random.next();
  const startMs = performance.now();
  const outcome =
    fault.disks === undefined
      ? await roundInWorld(number, fault, share)
      : await roundOnSmallDisks(number, fault);
  recordRound([fault.kind], outcome.counts, new Date());
  const { samples, retries } = outcome.result;
  const again = Object.entries(retries).map(([why, times]) => `${why} ${times}`);
  say(
    `round ${number + 1}: ${fault.kind.fault}: ${fault.kind.how}, ` +
      `${samples.toLocaleString('en-US')} samples, ` +
      `${((performance.now() - startMs) / 1000).toFixed(1)} s` +
      (again.length === 0 ? '' : `, sent again: ${again.join(', ')}`),
  );
  if (outcome.faults.length > 0) throw new Error(outcome.faults.join('\n'));
}

async function roundInWorld(
  number: number,
  fault: SoakFault,
  share: number,
): Promise<RoundOutcome> {
  if (outcomes.length >= ROUNDS_PER_WORLD) await closeWorld();
  world ??= await CrashWorld.start();
  const outcome = await runCrashRound(world, {
    metric: `load_${number}`,
    share,
    steps: STEPS,
    fault: fault.draw(random),
  });
  outcomes.push(outcome);
  return outcome;
}

/** Disks and a world of its own: what was there before is full as well. */
async function roundOnSmallDisks(number: number, fault: SoakFault): Promise<RoundOutcome> {
  await closeWorld();
  const disk = fault.disks === 'one' ? await SmallDisk.make(DISK_MIB) : undefined;
  world =
    disk === undefined ? await CrashWorld.startOnSmallDisks() : await CrashWorld.start(disk.path);
  const outcome = await runCrashRound(world, {
    metric: `load_${number}`,
    share: 0.02 + 0.1 * random.next(),
    steps: STEPS_ON_SMALL_DISK,
    fault: fault.draw(random),
  });
  await closeWorld();
  await disk?.remove();
  return outcome;
}

/** What earlier rounds stored must still be there, whatever happened later. */
async function closeWorld(): Promise<void> {
  if (world === undefined) return;
  for (const { load, result } of outcomes) {
    const { faults } = await accountFor(world, load, result);
    if (faults.length > 0) throw new Error(`later: ${faults.join('\n')}`);
  }
  outcomes = [];
  await world.remove();
  world = undefined;
}

interface SoakOptions {
  minutes: number;
  seed: number;
  distributed: boolean;
  fuzz: boolean;
  model: boolean;
  overload: boolean;
  promotions: boolean;
  round: number;
  outageSeconds: number | undefined;
  outages: boolean;
  outage: string[];
  reprocess: boolean;
  sim: boolean;
  seeds: number;
}

function readOptions(): SoakOptions {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string' },
      distributed: { type: 'boolean', default: false },
      fuzz: { type: 'boolean', default: false },
      model: { type: 'boolean', default: false },
      overload: { type: 'boolean', default: false },
      promotions: { type: 'boolean', default: false },
      round: { type: 'string', default: '1' },
      outages: { type: 'boolean', default: false },
      outage: { type: 'string', multiple: true, default: [] },
      'outage-seconds': { type: 'string' },
      reprocess: { type: 'boolean', default: false },
      sim: { type: 'boolean', default: false },
      seeds: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const wanted = {
    minutes: Number(values.minutes),
    seed: Number(values.seed ?? randomSeed()),
    distributed: values.distributed,
    fuzz: values.fuzz,
    model: values.model,
    overload: values.overload,
    promotions: values.promotions,
    round: Number(values.round),
    outages: values.outages,
    outage: values.outage,
    reprocess: values.reprocess,
    sim: values.sim,
    seeds: Number(values.seeds ?? Infinity),
    outageSeconds:
      values['outage-seconds'] === undefined ? undefined : Number(values['outage-seconds']),
  };
  const { minutes: time, outageSeconds } = wanted;
  const isSound =
    time > 0 &&
    (outageSeconds ?? 1) >= 1 &&
    Number.isSafeInteger(wanted.round) &&
    wanted.seeds >= 1;
  if (values.help || !isSound || !Number.isSafeInteger(wanted.seed)) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(values.help ? 0 : 2);
  }
  return wanted;
}

function randomSeed(): number {
  return Math.floor(Math.random() * 1_000_000);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
