import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobStatus, StageStatus } from '@millrace/runtime';
import { push, until, type Playground, type RunningMillrace } from './running-millrace.ts';
import type { ShopSamples } from './shop-samples.ts';

/** When a process that folds the past is killed, and nobody has the time to clean up. */
export const KILL_MOMENTS = ['begun', 'folded', 'committed', 'one over'] as const;
export type KillMoment = (typeof KILL_MOMENTS)[number];

export interface ReprocessOutcome {
  /** Everything that is not as it must be. */
  faults: string[];
  /** Windows that both editions of all rules have, and are the same. */
  equal: number;
  lateSamples: number;
}

/** What is told of rules by `edition diff --json`, as far as it is looked at here. */
interface ToldDiff {
  rules: { rule: string; windows: Record<'equal' | 'changed' | 'added' | 'removed', number> }[];
}

export const SHOP_RULES = `rules:
  - name: sales
    match: sales_total
    by: [shop]
    widths: [10s, 1m]
    aggregates: [count, sum, min, max, first, last, increase, quantile, distinct(till)]
  - name: warmth
    match: temperature
    by: [shop]
    widths: [2m]
    aggregates: [count, sum, sum_last, avg_last, count_series, quantile]
`;

/** Of a partition, behind those that rules and the log's beginning take. */
const RECORDS_MIN = 10;
const SOON_MS_MAX = 60_000;
const RULE_FILE = 'millrace.yaml';
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };
/** Between two kills, so that some lie before what is folded just then and some behind it. */
const LATE_REQUESTS = 4;
/** Samples a second of each job: slow enough to be killed on the way, and not much slower. */
const RATES: Readonly<Record<KillMoment, number>> = {
  begun: 30,
  folded: 30,
  committed: 30,
  'one over': 120,
};

/**
 * Folds the past again under the rules that are in force, while late samples of it arrive and the
 * process is killed at each of the moments; then holds both editions against one another, and the
 * store against the log.
 */
export async function reprocessUnderKills(
  playground: Playground,
  samples: ShopSamples,
  moments: readonly KillMoment[],
): Promise<ReprocessOutcome> {
  await writeFile(join(playground.path, RULE_FILE), SHOP_RULES);
  const run = new Run(playground, samples, await playground.up({ env: QUIET }));
  await run.fill();
  await run.begin();
  for (const moment of moments) await run.killAt(moment);
  await run.end();
  const { faults, equal } = await run.compared();
  const { lateSamples } = run;
  return { faults: [...faults, ...(await run.audited())], equal, lateSamples };
}

class Run {
  lateSamples = 0;
  readonly #playground: Playground;
  readonly #samples: ShopSamples;
  #millrace: RunningMillrace;
  /** Of the candidate. */
  #number = 0;

  constructor(playground: Playground, samples: ShopSamples, millrace: RunningMillrace) {
    this.#playground = playground;
    this.#samples = samples;
    this.#millrace = millrace;
  }

  async fill(): Promise<void> {
    for (let i = 0; i < this.#samples.requests; i += 1) await this.#push(this.#samples.request(i));
  }

  /** From a fifth of the way on: what is before only belongs to memory, and to wide windows. */
  async begin(): Promise<void> {
    const { fromMs, requests } = this.#samples;
    const since = new Date(fromMs + (requests / 5) * 30_000 + 7000).toISOString();
    const flags = ['--since', since, '--rate', '100', '--detach', '--json'];
    const command = ['reprocess', '--rules', RULE_FILE, ...flags];
    ({ number: this.#number } = await this.#told<{ number: number }>(...command));
  }

  async killAt(moment: KillMoment): Promise<void> {
    for (let i = 0; i < LATE_REQUESTS; i += 1) await this.#pushLate();
    await this.#order(RATES[moment]);
    await until(`jobs are ${moment}`, SOON_MS_MAX, async () => {
      const jobs = await this.#jobs();
      if (jobs.length > 0 && jobs.every(isOver)) throw new Error(`they never were ${moment}`);
      return hasCome(moment, jobs);
    });
    this.#millrace.child.kill('SIGKILL');
    await this.#millrace.ended;
    this.#millrace = await this.#playground.up({ env: QUIET });
  }

  async end(): Promise<void> {
    await this.#pushLate();
    await this.#order(null);
    await this.#command('reprocess', 'status', String(this.#number), '--follow');
    await this.#pushLate();
  }

  async compared(): Promise<{ faults: string[]; equal: number }> {
    const { rules } = await this.#told<ToldDiff>('edition', 'diff', String(this.#number), '--json');
    const wrong = rules.filter(({ windows: { changed, added, removed, equal } }) => {
      return changed + added + removed > 0 || equal === 0;
    });
    const faults = wrong.map((one) => `the editions differ: ${JSON.stringify(one)}`);
    if (rules.length < 3) faults.push(`compared were only ${JSON.stringify(rules)}`);
    return { faults, equal: rules.reduce((sum, { windows }) => sum + windows.equal, 0) };
  }

  async audited(): Promise<string[]> {
    const faults: string[] = [];
    for (const args of [['audit'], ['audit', '--deep']]) {
      const { code, stdout, stderr } = await this.#playground.run(args);
      if (code !== 0) faults.push(`${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
    }
    const told = /.*(WRITER_GAP|A job stopped).*/.exec(this.#millrace.output());
    if (told !== null) faults.push(told[0]);
    return faults;
  }

  /** Null: as fast as they can. */
  async #order(samplesPerSecond: number | null): Promise<void> {
    const { url } = this.#millrace.info;
    const answer = await fetch(`${url}/api/v1/candidates/${this.#number}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ samplesPerSecond }),
    });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  }

  async #jobs(): Promise<JobStatus[]> {
    const answer = await fetch(`${this.#millrace.info.url}/api/v1/status`);
    const { stages } = (await answer.json()) as { stages: StageStatus[] };
    return stages.find(({ stage }) => stage === 'transformer')?.jobs ?? [];
  }

  async #pushLate(): Promise<void> {
    const late = this.#samples.lateRequest();
    this.lateSamples += late.length;
    await this.#push(late);
  }

  async #push(samples: readonly unknown[]): Promise<void> {
    if (samples.length === 0) return;
    const { status } = await push(this.#millrace.info.url, samples, { wait: 'stored' });
    if (status !== 200) throw new Error(`samples were answered with ${status}`);
  }

  async #told<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.#command(...args)) as T;
  }

  async #command(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#playground.run(args);
    if (code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }
}

const isOver = ({ state }: JobStatus): boolean => state === 'over';

function hasCome(moment: KillMoment, jobs: readonly JobStatus[]): boolean {
  const folding = jobs.filter((one) => !isOver(one));
  return {
    begun: folding.some(({ committedPosition }) => committedPosition !== undefined),
    folded: folding.some(({ position, committedPosition = Infinity }) => {
      return position > committedPosition;
    }),
    committed: folding.some(({ committedPosition = 0 }) => committedPosition > RECORDS_MIN),
    'one over': jobs.some(isOver) && folding.length > 0,
  }[moment];
}
