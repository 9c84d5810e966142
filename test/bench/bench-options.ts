import { parseArgs } from 'node:util';
import { OTHER_PAYLOADS } from './other-payloads.ts';
import { DEFAULT_PAYLOAD, PAYLOADS } from './payloads.ts';

const all = { ...PAYLOADS, ...OTHER_PAYLOADS };
const names = Object.entries(all).map(([name, { what }]) => `    ${name.padEnd(10)} ${what}`);

const USAGE = `npm run bench -- [options]   (figures are printed, none is asserted)
  --payload NAME    what is sent (${DEFAULT_PAYLOAD}):
${names.join('\n')}
  --seconds N       how long the full rate is sent (60)
  --connections N   only with so many connections (4, then 16)
  --rate N          samples a second of the paced run (20000)
  --paced-seconds N how long it is (30)
  --only NAME       full-rate or paced
  --profile STAGE   receiver, transformer or writer: also a CPU profile and a flame graph of its
                    thread, written to the directory that is printed
  --rebuild         instead of the above: many series, checkpoints, and a state that is lost
  --queries         instead of the above: what people ask in SQL, over a day of 1,000 series
  --catch-up        instead of the above: the store stands still while data comes, and goes on
  --away-seconds N  of --catch-up: for so long, at --rate; it is sent at full rate (1800)
  --audit           instead of the above: both audits of many samples, and a dry replay
  --reprocess       instead of the above: a dry replay, history folded again under other rules, and
                    that beside the paced run; --profile jobs tells where a job's time goes
  --samples N       of --audit and --reprocess: how many (10000000)
  --series N        of --rebuild: how many (1000000)
  --steps N         samples of each (2)
  --quick           waits for no store and leaves out whether it is exact
  --distributed     as processes, on Kafka, Redis and TimescaleDB
  --peers           also VictoriaMetrics, Prometheus, and vmagent that aggregates, by turns, with
                    the same sender
  --batch           sends native columnar batches, by turns with remote write
  --request-samples N  samples of a request (1000)
  --batch-samples N samples of a batch, when they are others (as many as of a request)
  --rounds N        of turns with peers or remote write (2)
  --json            one JSON object instead of text
Exits with 1 when what is stored is not exactly what was acknowledged.

npm run bench -- compare BEFORE AFTER
  Two files that --json wrote. Where both have turns with a peer, the ratios to it are compared:
  machines differ from hour to hour. Exits with 1 when anything is worse by more than 15 %.`;

export const STAGES = ['receiver', 'transformer', 'writer', 'jobs'] as const;
export type ProfiledStage = (typeof STAGES)[number];

export interface BenchOptions {
  payload: string;
  seconds: number;
  pacedSeconds: number;
  warmUpSeconds: number;
  connections: number[];
  rate: number;
  only: string | undefined;
  profile: ProfiledStage | undefined;
  distributed: boolean;
  rebuild: boolean;
  queries: boolean;
  audit: boolean;
  reprocess: boolean;
  catchUp: boolean;
  awaySeconds: number;
  samples: number;
  series: number;
  steps: number;
  quick: boolean;
  peers: boolean;
  batch: boolean;
  requestSamples: number | undefined;
  batchSamples: number | undefined;
  rounds: number;
  json: boolean;
  /** Left out: what is asked for is no comparison. */
  compare: readonly [before: string, after: string] | undefined;
}

/** Ends the process when it cannot be understood. */
export function readOptions(): BenchOptions {
  const { values, positionals } = parse();
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const isOther = Object.hasOwn(OTHER_PAYLOADS, values.payload);
  if (isOther && (values.batch || values.distributed || values.peers)) {
    return misused(`--payload ${values.payload} is for the one process, without peers`);
  }
  if (values.batch && values.distributed) return misused('--batch is for the one process');
  return {
    payload: oneOf('payload', values.payload, Object.keys(all)),
    seconds: positive('seconds', values.seconds),
    pacedSeconds: positive('paced-seconds', values['paced-seconds']),
    warmUpSeconds: positive('warm-up-seconds', values['warm-up-seconds']),
    connections:
      values.connections === undefined ? [4, 16] : [positive('connections', values.connections)],
    rate: positive('rate', values.rate),
    rounds: positive('rounds', values.rounds),
    only: values.only && oneOf('only', values.only, ['full-rate', 'paced']),
    profile: values.profile === undefined ? undefined : oneOf('profile', values.profile, STAGES),
    distributed: values.distributed,
    rebuild: values.rebuild,
    queries: values.queries,
    audit: values.audit,
    reprocess: values.reprocess,
    catchUp: values['catch-up'],
    awaySeconds: positive('away-seconds', values['away-seconds']),
    samples: positive('samples', values.samples),
    series: positive('series', values.series),
    steps: positive('steps', values.steps),
    quick: values.quick,
    peers: values.peers,
    batch: values.batch,
    requestSamples: optional('request-samples', values['request-samples']),
    batchSamples: optional('batch-samples', values['batch-samples']),
    json: values.json,
    compare: readCompared(positionals),
  };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        payload: { type: 'string', default: DEFAULT_PAYLOAD },
        seconds: { type: 'string', default: '60' },
        'paced-seconds': { type: 'string', default: '30' },
        'warm-up-seconds': { type: 'string', default: '5' },
        connections: { type: 'string' },
        rate: { type: 'string', default: '20000' },
        rounds: { type: 'string', default: '2' },
        only: { type: 'string' },
        profile: { type: 'string' },
        distributed: { type: 'boolean', default: false },
        rebuild: { type: 'boolean', default: false },
        queries: { type: 'boolean', default: false },
        audit: { type: 'boolean', default: false },
        reprocess: { type: 'boolean', default: false },
        'catch-up': { type: 'boolean', default: false },
        'away-seconds': { type: 'string', default: '1800' },
        samples: { type: 'string', default: '10000000' },
        series: { type: 'string', default: '1000000' },
        steps: { type: 'string', default: '2' },
        quick: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        batch: { type: 'boolean', default: false },
        'request-samples': { type: 'string' },
        'batch-samples': { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error));
  }
}

function readCompared(positionals: readonly string[]): BenchOptions['compare'] {
  const [command, before, after, ...more] = positionals;
  if (command === undefined) return undefined;
  const isCompare = command === 'compare' && before !== undefined && after !== undefined;
  if (isCompare && more.length === 0) return [before, after];
  return misused(`"${positionals.join(' ')}" is no command`);
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  return misused(`--${name} ${text} is no positive number`);
}

function optional(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : positive(name, text);
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  return found ?? misused(`--${name} ${text} is none of ${known.join(', ')}`);
}

function misused(why: string): never {
  process.stderr.write(`${why}\n${USAGE}\n`);
  process.exit(2);
}
