import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SHOP_RULES } from '../integration/killed-reprocess.ts';
import {
  push,
  until,
  type Playground,
  type RunningMillrace,
} from '../integration/running-millrace.ts';
import type { ShopSamples } from '../integration/shop-samples.ts';
import { ShownWindows, type SeenWindows } from './shown-windows.ts';

export interface PromotionOutcome {
  /** Everything that is not as it must be. */
  faults: string[];
  told: string;
}

/** The same samples, in other series: each till for itself. So totals must agree. */
const OTHER_RULES = SHOP_RULES.replaceAll('by: [shop]', 'by: [shop, till]');
const RULES = ['sales', 'warmth'];
const SOON_MS_MAX = 60_000;
const FAULTS_TOLD_MAX = 10;
/** Nothing is computed again meanwhile: only of what is shown would it be. */
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h', MILLRACE_COMPLETE__INTERVAL_MS: '0s' };

/**
 * Promotes rules and rolls them back by the command, while so many queries a second look at the
 * windows and late samples of them arrive. Every answer has to be of one rule set as a whole, and
 * of the one that the last command showed once it has ended; nothing that arrived may be missing
 * from either.
 */
export async function promoteUnderQueries(
  playground: Playground,
  params: Readonly<{
    samples: ShopSamples;
    changes: number;
    seconds: number;
    queriesPerSecond: number;
  }>,
): Promise<PromotionOutcome> {
  await writeFile(join(playground.path, 'millrace.yaml'), SHOP_RULES);
  await writeFile(join(playground.path, 'other.yaml'), OTHER_RULES);
  const run = new Promotions(playground, params.samples, await playground.up({ env: QUIET }));
  const from = await run.fold();
  const shown = await ShownWindows.connect(run.millrace.info, { rules: RULES, from });
  try {
    return await run.change(shown, params);
  } finally {
    await shown.close();
  }
}

class Promotions {
  readonly millrace: RunningMillrace;
  readonly #playground: Playground;
  readonly #samples: ShopSamples;
  readonly #faults: string[] = [];
  /** Of the candidate. */
  #number = 0;
  /** Editions of both rule sets, those in force first. */
  #sets: readonly [string, string] = ['', ''];
  /** Which of them must be seen; undefined: a command is about to change it. */
  #expected: 0 | 1 | undefined = 0;
  #expectedSinceMs = 0;
  /** Of each of them by rule. */
  readonly #most = [new Map<string, Most>(), new Map<string, Most>()] as const;
  readonly #answers: [number, number] = [0, 0];
  #commandMsMax = 0;

  constructor(playground: Playground, samples: ShopSamples, millrace: RunningMillrace) {
    this.#playground = playground;
    this.#samples = samples;
    this.millrace = millrace;
  }

  /** The past, under both rule sets. Resolves with the time from which both have all windows. */
  async fold(): Promise<string> {
    const { requests, fromMs } = this.#samples;
    for (let i = 0; i < requests; i += 1) await this.#push(this.#samples.request(i));
    const since = new Date(fromMs).toISOString();
    const command = ['reprocess', '--rules', 'other.yaml', '--since', since, '--json'];
    ({ number: this.#number } = await this.#told<{ number: number }>(...command));
    const plan = await this.#told<ToldChange>(
      'edition',
      'promote',
      this.#promoted,
      '--plan',
      '--json',
    );
    return plan.rules
      .map(({ from }) => from)
      .toSorted()
      .at(-1)!;
  }

  async change(
    shown: ShownWindows,
    params: Readonly<{ changes: number; seconds: number; queriesPerSecond: number }>,
  ): Promise<PromotionOutcome> {
    const { changes, seconds, queriesPerSecond } = params;
    await this.#learnSets(shown);
    const over = new AbortController();
    const startMs = performance.now();
    const watching = shown.watch(queriesPerSecond, {
      seen: (windows) => this.#check(windows),
      signal: over.signal,
    });
    // Told where it is awaited.
    watching.catch(() => undefined);
    let late = 0;
    try {
      for (let change = 1; change <= changes; change += 1) {
        late += await this.#pushLate();
        await this.#changeTo(change % 2 === 1 ? 1 : 0);
        const nextMs = startMs + (change * seconds * 1000) / changes;
        await Promise.race([sleep(Math.max(0, nextMs - performance.now())), watching]);
      }
    } finally {
      over.abort();
    }
    await watching;
    const rate = shown.queries / ((performance.now() - startMs) / 1000);
    // Fewer would hardly come between two steps of a change.
    if (rate < queriesPerSecond / 2) {
      this.#faults.push(`only ${Math.round(rate)} queries a second, not ${queriesPerSecond}`);
    }
    await this.#compareTotals(shown);
    return this.#outcome({ changes, late, rate, queries: shown.queries });
  }

  #outcome(
    did: Readonly<{ changes: number; late: number; rate: number; queries: number }>,
  ): PromotionOutcome {
    const [before, after] = this.#answers;
    if (before === 0 || after === 0) this.#faults.push('no query saw one of the two rule sets');
    const told =
      `${did.changes} promotions and rollbacks, the slowest in ${Math.round(this.#commandMsMax)} ` +
      `ms, ${did.queries} queries, ${Math.round(did.rate)} a second: ${before} saw the rules of ` +
      `before and ${after} the others, ${did.late} late samples`;
    const { length } = this.#faults;
    if (length <= FAULTS_TOLD_MAX) return { faults: this.#faults, told };
    const more = `and ${length - FAULTS_TOLD_MAX} more`;
    return { faults: [...this.#faults.slice(0, FAULTS_TOLD_MAX), more], told };
  }

  get #promoted(): string {
    return String(this.#number);
  }

  /** Promoted once and rolled back, before anybody looks: what an answer of each looks like. */
  async #learnSets(shown: ShownWindows): Promise<void> {
    const before = editionsOf(await shown.look());
    await this.#change('promote', this.#promoted);
    const after = editionsOf(await shown.look());
    await this.#change('rollback');
    this.#sets = [before, after];
    const apart = new Set(`${before} ${after}`.split(' '));
    if (apart.size !== 2 * RULES.length) throw new Error(`not two rule sets: ${before}, ${after}`);
  }

  async #changeTo(wanted: 0 | 1): Promise<void> {
    this.#expected = undefined;
    await (wanted === 1 ? this.#change('promote', this.#promoted) : this.#change('rollback'));
    this.#expected = wanted;
    this.#expectedSinceMs = performance.now();
  }

  async #change(...args: string[]): Promise<void> {
    const begunMs = performance.now();
    await this.#told('edition', ...args, '--json');
    this.#commandMsMax = Math.max(this.#commandMsMax, performance.now() - begunMs);
  }

  #check(windows: SeenWindows): void {
    const seen = editionsOf(windows);
    const which = this.#sets.indexOf(seen);
    if (which !== 0 && which !== 1) {
      this.#faults.push(`an answer is a mixture: ${JSON.stringify(windows.rules)}`);
      return;
    }
    this.#answers[which] += 1;
    const isSettled = this.#expected !== undefined && windows.begunMs > this.#expectedSinceMs;
    if (isSettled && which !== this.#expected) {
      this.#faults.push(`shown was ${seen}, after a command that shows the others had ended`);
    }
    this.#checkNothingMissing(windows, this.#most[which]);
  }

  /** Samples only ever come: an answer has what one had that ended before it was asked for. */
  #checkNothingMissing({ rules, begunMs, endedMs }: SeenWindows, most: Map<string, Most>): void {
    for (const { rule, samples } of rules) {
      const had = most.get(rule);
      if (had === undefined || samples > had.samples) most.set(rule, { samples, endedMs });
      else if (samples < had.samples && begunMs > had.endedMs) {
        this.#faults.push(`${rule} shows ${samples} samples, and had ${had.samples} before`);
      }
    }
  }

  /** Once what came late is put out, both have the same samples. */
  async #compareTotals(shown: ShownWindows): Promise<void> {
    let last = 'nothing was compared';
    const totals = async (): Promise<string> => {
      const { rules } = await shown.look();
      return rules.map(({ rule, samples }) => `${rule} ${samples}`).join(', ');
    };
    await until('both rule sets show the same samples', SOON_MS_MAX, async () => {
      const before = await totals();
      await this.#change('promote', this.#promoted);
      const after = await totals();
      await this.#change('rollback');
      last = `${before}; the others: ${after}`;
      return before === after && before === (await totals());
    }).catch((error: unknown) => {
      // Not in time, or a command that failed.
      this.#faults.push(`${error instanceof Error ? error.message : String(error)} (${last})`);
    });
  }

  async #pushLate(): Promise<number> {
    const late = this.#samples.lateRequest();
    await this.#push(late);
    return late.length;
  }

  async #push(samples: readonly unknown[]): Promise<void> {
    if (samples.length === 0) return;
    const { status } = await push(this.millrace.info.url, samples, { wait: 'stored' });
    if (status !== 200) throw new Error(`samples were answered with ${status}`);
  }

  async #told<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.#playground.run(args);
    if (code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }
}

/** The most samples that an answer had, and when it was there. */
interface Most {
  samples: number;
  endedMs: number;
}

/** What is told of a promotion, as far as it is looked at here. */
interface ToldChange {
  rules: { rule: string; edition: number | null; from: string }[];
}

/** In the order of the rules; more than one of a rule follow one another. */
function editionsOf({ rules }: SeenWindows): string {
  return rules.map(({ edition }) => edition).join(' ');
}
