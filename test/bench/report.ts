import type { LatencySummary } from '../load/latencies.ts';
import type { AuditFigures } from './audits.ts';
import type { CatchUpFigures } from './catch-up.ts';
import type { Cost, PartCost } from './cost.ts';
import type { FullRateFigures } from './full-rate.ts';
import type { PacedFigures } from './paced.ts';
import type { PastFigures } from './past.ts';
import { OTHER_PAYLOADS } from './other-payloads.ts';
import { PAYLOADS } from './payloads.ts';
import type { QueriesFigures } from './queries.ts';
import type { RebuildFigures } from './rebuild.ts';

const MIB = 1024 * 1024;

export function describeFullRate(figures: FullRateFigures): string {
  const { system, payload, connections, samples, sentRate, storedRate, visibleAfterMs } = figures;
  const { requestSamples } = figures;
  const of = requestSamples === undefined ? '' : `, ${count(requestSamples)} samples a request`;
  return lines(`${system}, ${payload} at full rate, ${connections} connections${of}`, [
    ...about(payload),
    ['acknowledged', `${count(samples)} samples, ${count(sentRate)}/s`],
    [
      'sustained and stored',
      `${count(storedRate)}/s; the last one visible ${ms(visibleAfterMs)} later`,
    ],
    ['ack', latencies(figures.ackMs)],
    ...costs(figures.cost),
    ...stageCosts(figures),
    ['price', price(figures.cost)],
    ...firstSight(figures),
    ['sender', sender(figures)],
    ['bytes per sample', bytesPerSample(figures.bytesPerSample)],
    ...windowRows(figures),
    ...outcome(figures),
  ]);
}

/** A run in which another window of all series ends has very many more than one without. */
function windowRows({ windowRows: rows }: FullRateFigures): [string, string][] {
  if (rows === undefined) return [];
  return [['rows of windows', `${count(rows.final)} final, ${count(rows.open)} open`]];
}

/** It shares the processors: where it takes much of them, its own speed is what was measured. */
function sender({ senderCost, sentRate }: FullRateFigures): string {
  const cores = ((senderCost * sentRate) / 1_000_000).toFixed(2);
  return `${senderCost.toFixed(2)} CPU-s per million, ${cores} cores`;
}

/** What is measured, where the name of the payload could be taken for something else. */
function about(payload: string): [string, string][] {
  const note = (PAYLOADS[payload] ?? OTHER_PAYLOADS[payload])?.note;
  return note === undefined ? [] : [['measured is', note]];
}

export function describePaced(figures: PacedFigures): string {
  const { payload, rate, series = 0, stepMs = 0, samples, ackMs, visibleMs } = figures;
  return lines(`millrace, ${payload} as it comes live, paced at ${count(rate)} samples/s`, [
    ['acknowledged', `${count(samples)} samples of ${count(series)} series, ${ms(stepMs)} apart`],
    ['ack', latencies(ackMs)],
    ['sample to visible in SQL', latencies(visibleMs)],
    ...costs(figures.cost),
    ...stageCosts(figures),
    ...firstSight(figures),
    ...outcome(figures),
  ]);
}

/** The same rate: what more series cost. */
export function describePacedRatio(ours: PacedFigures, other: PacedFigures): string {
  const cpuSeconds = (cpu(ours.cost) / cpu(other.cost)).toFixed(2);
  const visible = (ours.visibleMs.p95 / other.visibleMs.p95).toFixed(2);
  const text = `${cpuSeconds} times the CPU a sample, ${visible} times until visible (p95)`;
  return lines(`${ours.payload} against ${other.payload}, both paced`, [['ratio', text]]);
}

export function describePast(figures: PastFigures): string {
  const { samples, liveRate, replay, reprocess, beside, faults } = figures;
  const rate = samples / (reprocess.tookMs / 1000);
  const perMillion = (seconds: number): string =>
    `${((seconds / samples) * 1_000_000).toFixed(2)} CPU-s per million`;
  const bytesOfWindow = reprocess.seriesBytes / Math.max(1, reprocess.windows);
  return lines(`millrace, the past of ${count(samples)} samples`, [
    ['sent and stored', `${count(liveRate)}/s, ${perMillion(figures.liveCpuSeconds)}`],
    [
      'dry replay',
      `${ms(replay.auditMs)}, ${count(samples / (replay.auditMs / 1000))}/s, ` +
        `${perMillion(replay.cpuSeconds)}, at most ${count(replay.rssBytes / MIB)} MiB`,
    ],
    [
      'folded again and stored',
      `${ms(reprocess.tookMs)}, ${count(rate)}/s: ${(rate / liveRate).toFixed(1)} times what was ` +
        `stored; ${perMillion(reprocess.cpuSeconds)}`,
    ],
    [
      '',
      `${count(reprocess.windows)} windows, ${bytesOfWindow.toFixed(0)} bytes each in ` +
        `metrics.series; ${count(reprocess.equal)} of the roll-up compared, the same`,
    ],
    [`beside ${count(beside.rate)}/s`, `${count(beside.pastRate)}/s of the past`],
    ['  ack', latencies(beside.ackMs)],
    ['  sample to visible in SQL', latencies(beside.visibleMs)],
    ...faults.map((fault): [string, string] => ['WRONG', fault]),
  ]);
}

export function describeRebuild(figures: RebuildFigures): string {
  const { series, samples, partitionMs, checkpointMs, checkpointBytes, faults } = figures;
  return lines(`millrace, ${count(series)} series, a state that is lost`, [
    ['state', `${count(figures.stateBytes / MIB)} MiB of LMDB, of ${count(samples)} samples`],
    [
      'checkpoints',
      `${count(checkpointBytes / MIB)} MiB in ${ms(checkpointMs)}, of each partition ` +
        partitionMs.map(ms).join(', '),
    ],
    ['ack alone', latencies(figures.ackMs)],
    ['ack beside checkpoints', latencies(figures.ackWithCheckpointsMs)],
    ['clean stop', ms(figures.cleanStopMs)],
    ['start', `caught up after ${ms(figures.startedMs)}${againstFloor(figures.startedMs, 5000)}`],
    [
      'start without the state',
      `takes data after ${ms(figures.takesDataMs)}, caught up after ${ms(figures.rebuiltMs)}`,
    ],
    ...faults.map((fault): [string, string] => ['WRONG', fault]),
  ]);
}

export function describeQueries(figures: QueriesFigures): string {
  const { series, samples, pieces, queries, pruned } = figures;
  const title = `millrace, SQL over ${count(samples)} samples of ${count(series)} series`;
  const rows = queries.flatMap(({ name, rows: found, ms: took, floorMs }): [string, string][] => [
    [name, ''],
    ['', `${latencies(took)}; from ${count(found)} rows${againstFloor(took.p50, floorMs)}`],
  ]);
  const { read, all } = pruned;
  return lines(title, [
    ['windows', `${count(pieces.open)} of ${count(pieces.all)} are still open`],
    ...rows,
    ['a filter on bucket leaves', `${read} of ${all} tables of samples to be read`],
  ]);
}

function againstFloor(tookMs: number, floorMs: number | undefined): string {
  if (floorMs === undefined) return '';
  return tookMs < floorMs ? `; below ${floorMs} ms` : `; ABOVE ${floorMs} ms`;
}

export function describeAudits(audits: readonly AuditFigures[]): string {
  const rows = audits.flatMap(({ mode, samples, rows: all, ...figures }): [string, string][] => [
    [
      mode,
      `${count(samples)} samples in ${ms(figures.tookMs)}, of it the audit ` +
        `${ms(figures.auditMs)} (${count(samples / (figures.auditMs / 1000))}/s), ` +
        `at most ${count(figures.rssBytes / MIB)} MiB`,
    ],
    ...figures.faults.map((fault): [string, string] => ['WRONG', fault]),
    [
      '',
      Object.entries(all)
        .map(([name, found]) => `${count(found)} ${name}`)
        .join(', '),
    ],
  ]);
  return lines('millrace, everything stored once', rows);
}

/** How much faster than it comes a backlog has to go. */
const CATCH_UP_MIN = 3;

export function describeCatchUp(figures: CatchUpFigures): string {
  const { rate, awaySeconds, backlog, sentMs, caughtUpMs, caughtUpRate, sustainedRate } = figures;
  const times = (other: number): string => `${(caughtUpRate / other).toFixed(1)} times`;
  return lines(`millrace, after ${count(awaySeconds)} s without the store`, [
    ['backlog', `${count(backlog)} samples: ${count(rate)}/s, sent in ${ms(sentMs)}`],
    ['caught up', `after ${ms(caughtUpMs)}: ${count(caughtUpRate)} samples/s`],
    [
      'against the rate before',
      `${times(rate)} ${count(rate)}/s, which came all the time` +
        (caughtUpRate < CATCH_UP_MIN * rate ? `; LESS than ${CATCH_UP_MIN} times` : ''),
    ],
    ['against the full rate', `${times(sustainedRate)} ${count(sustainedRate)}/s, sent and stored`],
    ...outcome({ faults: figures.faults, samples: backlog, retries: {} }),
  ]);
}

/** Of the same round, because machines differ from hour to hour. */
export function describeRatios(
  rounds: readonly (readonly [FullRateFigures, FullRateFigures])[],
): string {
  const rows = rounds.map(([ours, peer], round): [string, string] => {
    const stored = (ours.storedRate / peer.storedRate).toFixed(2);
    const cpuSeconds = (cpu(ours.cost) / cpu(peer.cost)).toFixed(2);
    return [
      `turn ${round + 1}, ${ours.payload}, ${ours.connections} connections`,
      peer.payload === ours.payload
        ? `${stored} times what ${peer.system} stored, ${cpuSeconds} times its CPU a sample` +
          receivers(ours, peer)
        : `${stored} times the rate of ${peer.payload}, ${cpuSeconds} times the CPU a sample`,
    ];
  });
  return lines('ratios', rows);
}

/** What ways in cost beside one another: the rest of the pipeline is the same for both. */
function receivers({ stageCost: ours }: FullRateFigures, { stageCost: peer }: FullRateFigures) {
  const [mine, theirs] = [ours['receiver'], peer['receiver']];
  if (mine === undefined || theirs === undefined) return '';
  return `; the receiver takes ${(theirs / mine).toFixed(2)} times as many a CPU second`;
}

function cpu(cost: Cost): number {
  return Object.values(cost).reduce((sum, part) => sum + part.cpuSecondsPerMillion, 0);
}

function costs(cost: Cost): [string, string][] {
  return Object.entries(cost).map(([part, { cpuSecondsPerMillion, cores, ...memory }]) => [
    part,
    `${cpuSecondsPerMillion.toFixed(2)} CPU-s per million, ${cores.toFixed(2)} cores, ` +
      `at most ${memoryText(memory)}`,
  ]);
}

function memoryText({
  rssBytesMax,
  ownBytesMax,
}: Pick<PartCost, 'rssBytesMax' | 'ownBytesMax'>): string {
  const all = `${count(rssBytesMax / MIB)} MiB`;
  // The rest are pages of files, which the kernel takes back when it wants memory.
  return ownBytesMax === undefined ? all : `${all}, without files ${count(ownBytesMax / MIB)} MiB`;
}

/** Dollars for an hour of one core: about what clouds ask for one that is rented by the hour. */
const CORE_HOUR_PRICE = 0.04;

function price(cost: Cost): string {
  const dollars = (cpu(cost) / 3600) * CORE_HOUR_PRICE;
  return (
    `$${dollars.toFixed(6)} of processor time per million samples, ` +
    `if a core costs $${CORE_HOUR_PRICE} an hour (an assumption)`
  );
}

function firstSight({ firstSight: seen }: Pick<FullRateFigures, 'firstSight'>): [string, string][] {
  if (seen === undefined) return [];
  return [
    ['before, on first sight', `${count(seen.series)} series stored, ${count(seen.storedRate)}/s`],
    ...costs(seen.cost).map(([part, text]): [string, string] => [`  ${part}`, text]),
  ];
}

/** What is left is for all: garbage is collected, and files are written, by helpers. */
function stageCosts({
  cost,
  stageCost,
}: Pick<PacedFigures, 'cost' | 'stageCost'>): [string, string][] {
  const stages = Object.entries(stageCost ?? {});
  if (stages.length === 0) return [];
  const known = stages.reduce((sum, [, seconds]) => sum + seconds, 0);
  const rest = (cost['node']?.cpuSecondsPerMillion ?? known) - known;
  const all = [...stages, ['helpers of all', rest] as const];
  return [
    ['  of node', all.map(([stage, seconds]) => `${stage} ${seconds.toFixed(2)}`).join(' · ')],
  ];
}

function bytesPerSample(kept: Readonly<Record<string, number>>): string {
  return Object.entries(kept)
    .map(([where, bytes]) => `${where} ${bytes.toFixed(1)}`)
    .join(' · ');
}

function outcome(
  figures: Pick<FullRateFigures, 'retries' | 'faults' | 'samples'>,
): [string, string][] {
  const retries = Object.entries(figures.retries).map(([why, times]) => `${why} ${times} times`);
  const rows: [string, string][] = retries.length === 0 ? [] : [['sent again', retries.join(', ')]];
  if (figures.faults.length === 0) {
    return [...rows, ['exact', `${count(figures.samples)} acknowledged, each stored once`]];
  }
  return [...rows, ...figures.faults.map((fault): [string, string] => ['WRONG', fault])];
}

function latencies({ p50, p95, p99, p999, max }: LatencySummary): string {
  return `p50 ${ms(p50)} · p95 ${ms(p95)} · p99 ${ms(p99)} · p99.9 ${ms(p999)} · max ${ms(max)}`;
}

function lines(title: string, rows: readonly (readonly [string, string])[]): string {
  return [title, ...rows.map(([name, text]) => `  ${name.padEnd(26)} ${text}`), ''].join('\n');
}

function count(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

function ms(number: number): string {
  return number < 10 ? `${number.toFixed(2)} ms` : `${count(number)} ms`;
}
