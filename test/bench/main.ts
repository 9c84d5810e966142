import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { findDebianProgram } from '@millrace/runtime/testing';
import { PROMETHEUS, VICTORIA_METRICS, VMAGENT } from '../services/known-programs.ts';
import { abandonAll } from './abandon.ts';
import { runAudits } from './audits.ts';
import { benchParent } from './bench-directory.ts';
import { readOptions, type BenchOptions, type ProfiledStage } from './bench-options.ts';
import { runCatchUp } from './catch-up.ts';
import { compareResults, leftOut, readResults, type BenchResults } from './compare-results.ts';
import { callTree, dearest, findProfile } from './cpu-profile.ts';
import { startDistributed } from './distributed-system.ts';
import { flameGraph } from './flame-graph.ts';
import { runFullRate, type FullRateFigures } from './full-rate.ts';
import { startMillrace, startMillraceForBatches, type MillraceSystem } from './millrace-system.ts';
import { OTHER_PAYLOADS } from './other-payloads.ts';
import { runOtherRate } from './other-rate.ts';
import { runPast } from './past.ts';
import { runPaced, type PacedFigures } from './paced.ts';
import { DEFAULT_PAYLOAD, PAYLOADS } from './payloads.ts';
import { Progress } from './progress.ts';
import { prometheus } from './prometheus-system.ts';
import { runRebuild } from './rebuild.ts';
import { runQueries } from './queries.ts';
import {
  describeAudits,
  describeCatchUp,
  describeFullRate,
  describePaced,
  describePacedRatio,
  describePast,
  describeQueries,
  describeRatios,
  describeRebuild,
} from './report.ts';
import type { SystemMaker } from './system-under-test.ts';
import { victoriaMetrics } from './victoria-metrics-system.ts';
import { vmagent } from './vmagent-system.ts';

type Say = (text: string) => void;

/** Functions that are listed; here, because what follows runs at once. */
const DEAREST = 25;

const options = readOptions();
const progress = new Progress();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    progress.end();
    void abandonAll().then(() => process.exit(130));
  });
}
try {
  process.exitCode = await (options.compare === undefined ? bench(options) : compare(options));
  progress.end();
} catch (error) {
  progress.end();
  await abandonAll();
  throw error;
}

async function bench(params: BenchOptions): Promise<number> {
  const { only, json, distributed } = params;
  const say: Say = (text) =>
    progress.beside(() => void (json ? process.stderr : process.stdout).write(`${text}\n`));
  const machine =
    `Node ${process.version}, ${cpus().length} CPUs (${cpus()[0]?.model}), ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
  say(`${machine}, data below ${await benchParent()}\n`);
  if (params.rebuild) return await benchRebuild(params, say);
  if (params.queries) return await benchQueries(params, say);
  if (params.audit) return await benchAudits(params, say);
  if (params.reprocess) return await benchPast(params, say);
  if (params.catchUp) return await benchCatchUp(params, say);
  const millrace: SystemMaker<MillraceSystem> = {
    name: 'millrace',
    start: distributed ? startDistributed : startMillrace,
  };
  const fullRates: FullRateFigures[] = [];
  if (only !== 'paced') {
    const peers = params.peers ? await findPeers(say) : [];
    const sides = params.batch
      ? { millrace: { name: 'millrace, batches', start: startMillraceForBatches } }
      : { millrace };
    if (params.batch) peers.unshift(millrace);
    for (const connections of params.connections) {
      fullRates.push(...(await byTurns({ ...params, connections, peers, say, ...sides })));
    }
  }
  const paced = only === 'full-rate' ? [] : await benchPaced(millrace, params, say);
  const results: BenchResults = { machine, date: new Date().toISOString(), fullRates, paced };
  if (json) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
  const faults = [...fullRates, ...paced].flatMap((run) => run.faults);
  return faults.length === 0 ? 0 : 1;
}

/** One after the other: the payload, and what it is compared with. */
async function benchPaced(
  millrace: SystemMaker<MillraceSystem>,
  params: BenchOptions,
  say: Say,
): Promise<PacedFigures[]> {
  const { rate, pacedSeconds: seconds, warmUpSeconds } = params;
  const figures: PacedFigures[] = [];
  for (const payloadName of pacedPayloads(params.payload)) {
    const payload = PAYLOADS[payloadName]!;
    const how = { rate, seconds, warmUpSeconds, payloadName, payload, progress };
    figures.push(await runPaced(millrace, { ...how, connections: 4 }));
    say(describePaced(figures.at(-1)!));
  }
  const [ours, other] = figures;
  if (other !== undefined) say(describePacedRatio(ours!, other));
  return figures;
}

/** What has no template is sent at full rate only. */
function pacedPayloads(name: string): string[] {
  const payload = PAYLOADS[name];
  if (payload === undefined) return [DEFAULT_PAYLOAD];
  return payload.against === undefined ? [name] : [name, payload.against];
}

async function benchRebuild(params: BenchOptions, say: Say): Promise<number> {
  const figures = await runRebuild({ ...params, progress, say: (text) => say(`  ${text}`) });
  say(describeRebuild(figures));
  if (params.json) process.stdout.write(`${JSON.stringify({ rebuild: figures }, undefined, 2)}\n`);
  return figures.faults.length === 0 ? 0 : 1;
}

async function benchQueries({ json }: BenchOptions, say: Say): Promise<number> {
  const figures = await runQueries({ progress, say: (text) => say(`  ${text}`) });
  say(describeQueries(figures));
  if (json) process.stdout.write(`${JSON.stringify({ queries: figures }, undefined, 2)}\n`);
  return 0;
}

async function benchAudits({ samples, json }: BenchOptions, say: Say): Promise<number> {
  const audits = await runAudits({
    samples,
    connections: 16,
    progress,
    say: (text) => say(`  ${text}`),
  });
  say(describeAudits(audits));
  if (json) process.stdout.write(`${JSON.stringify({ audits }, undefined, 2)}\n`);
  return audits.every(({ faults }) => faults.length === 0) ? 0 : 1;
}

async function benchPast(params: BenchOptions, say: Say): Promise<number> {
  const { samples, rate, pacedSeconds, warmUpSeconds, profile, json } = params;
  const profileDirectory =
    profile === undefined ? undefined : await mkdtemp(join(tmpdir(), 'millrace-profile-'));
  const figures = await runPast({
    ...{ samples, rate, pacedSeconds, warmUpSeconds, profileDirectory },
    connections: params.connections.at(-1)!,
    progress,
    say: (text) => say(`  ${text}`),
  });
  say(describePast(figures));
  if (profileDirectory !== undefined) await tellProfile(profileDirectory, profile!, say);
  if (json) process.stdout.write(`${JSON.stringify({ past: figures }, undefined, 2)}\n`);
  return figures.faults.length === 0 ? 0 : 1;
}

async function benchCatchUp(params: BenchOptions, say: Say): Promise<number> {
  const { rate, awaySeconds, seconds, json } = params;
  const figures = await runCatchUp({
    ...{ rate, awaySeconds, seconds, connections: params.connections.at(-1)!, progress },
    say: (text) => say(`  ${text}`),
  });
  say(describeCatchUp(figures));
  if (json) process.stdout.write(`${JSON.stringify({ catchUp: figures }, undefined, 2)}\n`);
  return figures.faults.length === 0 ? 0 : 1;
}

/** A B A B: what the machine does meanwhile hits both. Of one side one round tells enough. */
async function byTurns(
  params: Readonly<{
    payload: string;
    seconds: number;
    warmUpSeconds: number;
    connections: number;
    rounds: number;
    requestSamples: number | undefined;
    batchSamples: number | undefined;
    profile: ProfiledStage | undefined;
    millrace: SystemMaker<MillraceSystem>;
    peers: readonly SystemMaker[];
    say: Say;
  }>,
): Promise<FullRateFigures[]> {
  const { payload, millrace, peers, say, profile, ...rest } = params;
  const other = OTHER_PAYLOADS[payload];
  const against = PAYLOADS[payload]?.against;
  const sides = [
    { maker: millrace, payloadName: payload },
    ...(against === undefined ? [] : [{ maker: millrace, payloadName: against }]),
    ...peers.map((maker) => ({ maker, payloadName: payload })),
  ];
  const all: FullRateFigures[] = [];
  const pairs: [FullRateFigures, FullRateFigures][] = [];
  for (let round = 0; round < (sides.length === 1 ? 1 : params.rounds); round += 1) {
    const figures: FullRateFigures[] = [];
    for (const { maker, payloadName } of sides) {
      const profileDirectory =
        profile === undefined || figures.length > 0
          ? undefined
          : await mkdtemp(join(tmpdir(), 'millrace-profile-'));
      const how = { ...rest, payloadName, profileDirectory, progress };
      const measured = await (other === undefined
        ? runFullRate(maker, { ...how, payload: PAYLOADS[payloadName]! })
        : runOtherRate(startMillrace, other, how));
      say(describeFullRate(measured));
      if (profileDirectory !== undefined) await tellProfile(profileDirectory, profile!, say);
      figures.push(measured);
    }
    const [ours, ...others] = figures;
    for (const peer of others) pairs.push([ours!, peer]);
    all.push(...figures);
  }
  if (pairs.length > 0) say(describeRatios(pairs));
  return all;
}

async function tellProfile(directory: string, stage: ProfiledStage, say: Say): Promise<void> {
  const profile = await findProfile(directory, `${stage}-thread.js`);
  if (profile === undefined) throw new Error(`no profile of the ${stage} in ${directory}`);
  const root = callTree(profile);
  const svg = join(directory, `${stage}.svg`);
  await writeFile(svg, flameGraph(root, `millrace, ${stage}: ${seconds(root.totalUs)}`));
  const rows = dearest(root, DEAREST).map(([name, selfUs]) => {
    return `  ${((selfUs / root.totalUs) * 100).toFixed(1).padStart(5)} %  ${name}`;
  });
  say(`The thread of the ${stage} was busy for ${seconds(root.totalUs)}, of that:`);
  say(`${rows.join('\n')}\n  ${svg}\n`);
}

function seconds(us: number): string {
  return `${(us / 1e6).toFixed(1)} s`;
}

async function findPeers(say: Say): Promise<SystemMaker[]> {
  const peers: SystemMaker[] = [];
  for (const [wanted, maker] of [
    [VICTORIA_METRICS, victoriaMetrics],
    [PROMETHEUS, prometheus],
    [VMAGENT, vmagent],
  ] as const) {
    progress.begin(`looking for ${wanted.program}`);
    const program = await findDebianProgram(wanted);
    if (typeof program === 'string') peers.push(maker(program));
    else say(`!! NOT RUN: ${program.what}: ${program.why}. To run it: ${program.fix}\n`);
  }
  return peers;
}

async function compare({ compare: files, json }: BenchOptions): Promise<number> {
  const [before, after] = await Promise.all(
    files!.map(async (file) => readResults(await readFile(file, 'utf8'), file)),
  );
  const compared = compareResults(before!, after!);
  if (json) process.stdout.write(`${JSON.stringify(compared, undefined, 2)}\n`);
  else for (const { text } of compared) process.stdout.write(`${text}\n`);
  for (const what of leftOut(before!, after!)) {
    process.stderr.write(`not compared: ${what}\n`);
  }
  if (compared.length === 0) {
    process.stderr.write('The two have nothing in common that could be compared.\n');
    return 1;
  }
  const worse = compared.filter(({ isWorse }) => isWorse).length;
  process.stderr.write(`${worse} of ${compared.length} are worse by more than 15 %.\n`);
  return worse > 0 ? 1 : 0;
}
