import type { Cost } from './cost.ts';
import type { FullRateFigures } from './full-rate.ts';
import type { PacedFigures } from './paced.ts';
import { DEFAULT_PAYLOAD } from './payloads.ts';

/** What `--json` writes. */
export interface BenchResults {
  machine: string;
  date: string;
  fullRates: FullRateFigures[];
  paced: PacedFigures[];
}

export interface Comparison {
  what: string;
  before: number;
  after: number;
  /** Worse than before by more than is allowed. */
  isWorse: boolean;
  text: string;
}

/** What is in front of it npm has said, unless it was told to be silent. */
export function readResults(text: string, file: string): BenchResults {
  const start = text.search(/^\{/m);
  try {
    const { paced, ...results } = JSON.parse(text.slice(start)) as Partial<WrittenResults>;
    if (Array.isArray(results.fullRates)) {
      return { ...(results as WrittenResults), paced: paced === undefined ? [] : [paced].flat() };
    }
  } catch {
    // Said below: what was found there instead tells nobody anything.
  }
  throw new Error(`${file} is no result of "npm run bench -- --json".`);
}

/** Earlier releases had one paced run at most. */
type WrittenResults = Omit<BenchResults, 'paced'> & { paced?: PacedFigures | PacedFigures[] };

const WORSE_MAX = 0.15;

/** Of each figure which way is better. */
type Figure = Readonly<{ what: string; value: number; isMoreBetter: boolean }>;

/** Figures that both have, those of full rate as ratios to a peer where both have the same one. */
export function compareResults(before: BenchResults, after: BenchResults): Comparison[] {
  const old = new Map(figuresOf(before).map((figure) => [figure.what, figure]));
  return figuresOf(after).flatMap((figure) => {
    const known = old.get(figure.what);
    return known === undefined ? [] : [compared(known, figure)];
  });
}

/**
 * Figures that only one of them has, and so nobody compares: other payloads and connections, or a
 * rate beside peers in the one and alone in the other.
 */
export function leftOut(before: BenchResults, after: BenchResults): string[] {
  const [old, now] = [before, after].map((results) => figuresOf(results).map(({ what }) => what));
  return [
    ...old!.filter((what) => !now!.includes(what)).map((what) => `${what}: only before`),
    ...now!.filter((what) => !old!.includes(what)).map((what) => `${what}: only after`),
  ];
}

function compared(before: Figure, after: Figure): Comparison {
  const { what, isMoreBetter } = after;
  const change = after.value / before.value - 1;
  const isWorse = (isMoreBetter ? -change : change) > WORSE_MAX;
  const sign = change < 0 ? '−' : '+';
  const text =
    `${isWorse ? 'WORSE' : 'ok   '} ${what}: ${before.value.toPrecision(3)} → ` +
    `${after.value.toPrecision(3)} (${sign}${Math.abs(change * 100).toFixed(0)} %)`;
  return { what, before: before.value, after: after.value, isWorse, text };
}

function figuresOf({ fullRates, paced }: BenchResults): Figure[] {
  const figures: Figure[] = [];
  for (const [name, runs] of byPayload(fullRates)) figures.push(...figuresOfRuns(name, runs));
  for (const { payload = DEFAULT_PAYLOAD, rate, ackMs, visibleMs } of paced) {
    const name = `${payload === DEFAULT_PAYLOAD ? '' : `${payload} `}paced at ${rate}/s`;
    figures.push(
      { what: `${name}, ack p99 ms`, value: ackMs.p99, isMoreBetter: false },
      { what: `${name}, visible p95 ms`, value: visibleMs.p95, isMoreBetter: false },
    );
  }
  return figures;
}

function byPayload(runs: readonly FullRateFigures[]): Map<string, FullRateFigures[]> {
  const groups = new Map<string, FullRateFigures[]>();
  for (const run of runs) {
    const name = `${run.payload}, ${run.connections} connections`;
    groups.set(name, [...(groups.get(name) ?? []), run]);
  }
  return groups;
}

/** The first system of a turn is ours. */
function figuresOfRuns(name: string, runs: readonly FullRateFigures[]): Figure[] {
  const [{ system: ours }] = runs as [FullRateFigures];
  const mine = runs.filter(({ system }) => system === ours);
  const peers = new Set(runs.map(({ system }) => system).filter((system) => system !== ours));
  const mean = (some: readonly FullRateFigures[], of: (run: FullRateFigures) => number): number =>
    some.reduce((sum, run) => sum + of(run), 0) / some.length;
  const rate = mean(mine, ({ storedRate }) => storedRate);
  const cpu = mean(mine, ({ cost }) => cpuOf(cost));
  const figures: Figure[] = [...peers].flatMap((peer) => {
    const theirs = runs.filter(({ system }) => system === peer);
    const peerRate = mean(theirs, ({ storedRate }) => storedRate);
    const peerCpu = mean(theirs, ({ cost }) => cpuOf(cost));
    return [
      { what: `${name}, rate to ${peer}`, value: rate / peerRate, isMoreBetter: true },
      { what: `${name}, CPU to ${peer}`, value: cpu / peerCpu, isMoreBetter: false },
    ];
  });
  if (peers.size === 0) {
    figures.push(
      { what: `${name}, samples/s`, value: rate, isMoreBetter: true },
      { what: `${name}, CPU-s per million`, value: cpu, isMoreBetter: false },
    );
  }
  for (const where of Object.keys(mine[0]!.bytesPerSample)) {
    const value = mean(mine, ({ bytesPerSample }) => bytesPerSample[where] ?? NaN);
    figures.push({ what: `${name}, bytes in ${where}`, value, isMoreBetter: false });
  }
  return figures;
}

function cpuOf(cost: Cost): number {
  return Object.values(cost).reduce((sum, part) => sum + part.cpuSecondsPerMillion, 0);
}
