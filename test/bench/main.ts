import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { findDebianProgram } from '@millrace/runtime/testing';
import { VICTORIA_METRICS } from '../services/known-programs.ts';
import { abandonAll } from './abandon.ts';
import { benchParent } from './bench-directory.ts';
import { runFullRate, type FullRateFigures } from './full-rate.ts';
import { startDistributed } from './distributed-system.ts';
import { startMillrace, type MillraceSystem } from './millrace-system.ts';
import { runPaced, type PacedFigures } from './paced.ts';
import { runRebuild } from './rebuild.ts';
import { describeFullRate, describePaced, describeRatios, describeRebuild } from './report.ts';
import type { SystemMaker } from './system-under-test.ts';
import { victoriaMetrics } from './victoria-metrics-system.ts';

const USAGE = `npm run bench -- [options]   (figures are printed, none is asserted)
  --seconds N       how long the full rate is sent (60)
  --connections N   only with so many connections (4, then 16)
  --rate N          samples a second of the paced run (20000)
  --paced-seconds N how long it is (30)
  --only NAME       full-rate or paced
  --rebuild         instead of the above: many series, checkpoints, and a state that is lost
  --series N        how many (1000000)
  --steps N         samples of each (2)
  --quick           waits for no store and leaves out whether it is exact
  --distributed     as processes, on Kafka, Redis and TimescaleDB
  --peers           also VictoriaMetrics, by turns, with the same sender
  --rounds N        of turns with peers (2)
  --json            one JSON object instead of text
Exits with 1 when what is stored is not exactly what was acknowledged.`;

interface Options {
  seconds: number;
  pacedSeconds: number;
  warmUpSeconds: number;
  connections: number[];
  rate: number;
  only: string | undefined;
  distributed: boolean;
  rebuild: boolean;
  series: number;
  steps: number;
  quick: boolean;
  peers: boolean;
  rounds: number;
  json: boolean;
}

const options = readOptions();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void abandonAll().then(() => process.exit(130)));
}
try {
  process.exitCode = await bench(options);
} catch (error) {
  await abandonAll();
  throw error;
}

async function bench({ only, json, distributed, ...params }: Options): Promise<number> {
  const say = (text: string): void =>
    void (json ? process.stderr : process.stdout).write(`${text}\n`);
  say(
    `Node ${process.version}, ${cpus().length} CPUs (${cpus()[0]?.model}), ` +
      `${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, data below ${await benchParent()}\n`,
  );
  if (params.rebuild) return await benchRebuild(params, json, say);
  const start = distributed ? startDistributed : startMillrace;
  const millrace = { name: 'millrace', start };
  const fullRates: FullRateFigures[] = [];
  let paced: PacedFigures | undefined;
  if (only !== 'paced') {
    const peers = params.peers ? await findPeers(say) : [];
    for (const connections of params.connections) {
      fullRates.push(...(await byTurns({ ...params, connections, peers, say, millrace })));
    }
  }
  if (only !== 'full-rate') {
    const { rate, pacedSeconds: seconds, warmUpSeconds } = params;
    paced = await runPaced(millrace.start, { rate, seconds, warmUpSeconds, connections: 4 });
    say(describePaced(paced));
  }
  if (json) process.stdout.write(`${JSON.stringify({ fullRates, paced }, undefined, 2)}\n`);
  const faults = [...fullRates, ...(paced === undefined ? [] : [paced])].flatMap(
    (run) => run.faults,
  );
  return faults.length === 0 ? 0 : 1;
}

async function benchRebuild(
  params: Pick<Options, 'series' | 'steps' | 'rate' | 'pacedSeconds' | 'quick'>,
  json: boolean,
  say: (text: string) => void,
): Promise<number> {
  const figures = await runRebuild({ ...params, say: (text) => say(`  ${text}`) });
  say(describeRebuild(figures));
  if (json) process.stdout.write(`${JSON.stringify({ rebuild: figures }, undefined, 2)}\n`);
  return figures.faults.length === 0 ? 0 : 1;
}

/** A B A B: what the machine does meanwhile hits both. Without peers one round tells enough. */
async function byTurns(
  params: Readonly<{
    seconds: number;
    warmUpSeconds: number;
    connections: number;
    rounds: number;
    millrace: Readonly<{ name: string; start: () => Promise<MillraceSystem> }>;
    peers: readonly SystemMaker[];
    say: (text: string) => void;
  }>,
): Promise<FullRateFigures[]> {
  const { millrace, peers, say } = params;
  const all: FullRateFigures[] = [];
  const pairs: [FullRateFigures, FullRateFigures][] = [];
  for (let round = 0; round < (peers.length === 0 ? 1 : params.rounds); round += 1) {
    const figures: FullRateFigures[] = [];
    for (const maker of [millrace, ...peers]) {
      const measured = await runFullRate(maker, params);
      say(describeFullRate(measured));
      figures.push(measured);
    }
    const [ours, ...others] = figures;
    for (const peer of others) pairs.push([ours!, peer]);
    all.push(...figures);
  }
  if (pairs.length > 0) say(describeRatios(pairs));
  return all;
}

async function findPeers(say: (text: string) => void): Promise<SystemMaker[]> {
  const program = await findDebianProgram(VICTORIA_METRICS);
  if (typeof program === 'string') return [victoriaMetrics(program)];
  say(`!! NOT RUN: ${program.what}: ${program.why}. To run it: ${program.fix}\n`);
  return [];
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      'paced-seconds': { type: 'string', default: '30' },
      'warm-up-seconds': { type: 'string', default: '5' },
      connections: { type: 'string' },
      rate: { type: 'string', default: '20000' },
      rounds: { type: 'string', default: '2' },
      only: { type: 'string' },
      distributed: { type: 'boolean', default: false },
      rebuild: { type: 'boolean', default: false },
      series: { type: 'string', default: '1000000' },
      steps: { type: 'string', default: '2' },
      quick: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  return {
    seconds: positive('seconds', values.seconds),
    pacedSeconds: positive('paced-seconds', values['paced-seconds']),
    warmUpSeconds: positive('warm-up-seconds', values['warm-up-seconds']),
    connections:
      values.connections === undefined ? [4, 16] : [positive('connections', values.connections)],
    rate: positive('rate', values.rate),
    rounds: positive('rounds', values.rounds),
    only: values.only,
    distributed: values.distributed,
    rebuild: values.rebuild,
    series: positive('series', values.series),
    steps: positive('steps', values.steps),
    quick: values.quick,
    peers: values.peers,
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  process.stderr.write(`--${name} ${text} is no positive number\n${USAGE}\n`);
  process.exit(2);
}
