import { completeChange, planRules, type RulesVersion } from '@millrace/control';
import { formatLabels } from '@millrace/model';
import { formatWidth, type CompiledRule, type CompiledRules } from '@millrace/rules';
import { formatTimeUs } from '../quantities.ts';
import type { PartitionPreview } from './preview-partition.ts';
import type {
  ExampleWindow,
  PreviewedRule,
  PreviewReport,
  RawCost,
  RuleCost,
} from './preview-report.ts';
import type { PreviewRules } from './preview-rules.ts';
import { RAW_SAMPLE_BYTES } from './row-bytes.ts';
import { windowValues } from './window-values.ts';

const EXAMPLES_MAX = 3;
const DAY_US = 86_400_000_000;
const SECOND_US = 1_000_000;

const ESTIMATES = [
  'Series, samples and rows are counted: the range was folded as the transformer does it, under ' +
    'the rules of the file and under those in force.',
  'Rows a day: how full the windows were that reach into the range, over a day of such windows.',
  'Bytes a day: what these rows take up in PostgreSQL with their index, from the values they hold.',
  `Raw samples: ${RAW_SAMPLE_BYTES} bytes each, as measured when they are packed.`,
];

/** All that a report is made of. */
export interface Found {
  rules: PreviewRules;
  file: Readonly<{ rules: CompiledRules; source: string }>;
  inForce: RulesVersion;
  found: readonly PartitionPreview[];
  sinceUs: number;
}

/** What the counts of all partitions come to, a day and a second. */
export function buildReport(all: Found): PreviewReport {
  const { rules, file, inForce, found, sinceUs } = all;
  const plan = planRules(inForce, completeChange(file, inForce));
  const removed = new Set(plan.removed.map(({ name }) => name));
  const changes = new Map<string, PreviewedRule['change']>([
    ...plan.added.map(({ name }) => [name, 'added'] as const),
    ...plan.changed.map(({ to }) => [to.name, 'changed'] as const),
  ]);
  return {
    ...{ format: 1, version: inForce.number, since: formatTimeUs(sinceUs) },
    until: formatTimeUs(Math.min(...found.map(({ untilUs }) => untilUs))),
    partitions: found.map(({ partition, start, records, samples, fromUs, untilUs }) => {
      const { position, madeAtUs, archive = null } = start;
      const checkpoint = madeAtUs === undefined ? null : formatTimeUs(madeAtUs);
      const from = formatTimeUs(fromUs);
      const seconds = (untilUs - fromUs) / SECOND_US;
      return { partition, position, checkpoint, archive, records, samples, from, seconds };
    }),
    rules: rules.planned.rules.map((rule) => {
      return previewedRule(all, rule, changes.get(rule.name) ?? 'unchanged');
    }),
    removed: rules.current.rules
      .filter(({ name }) => removed.has(name))
      .map((rule) => ({ rule: rule.name, current: costOf(rule, found) })),
    raw: {
      current: rawCost(found, ({ counts }) => counts.raw.current),
      planned: rawCost(found, ({ counts }) => counts.raw.planned),
    },
    estimates: ESTIMATES,
    notCovered: found.flatMap((one) => notCoveredOf(one, sinceUs)),
  };
}

function previewedRule(
  { rules, found }: Found,
  rule: CompiledRule,
  change: PreviewedRule['change'],
): PreviewedRule {
  const current = rules.current.rules.find(({ name }) => name === rule.name);
  const raw = rawCost(found, ({ counts }) => {
    const { planned, current: before } = counts.rawByRule.get(rule.edition) ?? {
      planned: 0,
      current: 0,
    };
    return planned - before;
  });
  return {
    ...{ rule: rule.name, change, drops: rule.drop === true, keepsRaw: rule.keepRaw, raw },
    planned: costOf(rule, found),
    current: current === undefined ? null : costOf(current, found),
    widths: rule.widthsUs.map((widthUs) => ({
      width: formatWidth(widthUs),
      ...perDayOf(rule, widthUs, found),
    })),
    examples: examplesOf(rule, found),
  };
}

function costOf(rule: CompiledRule, found: readonly PartitionPreview[]): RuleCost {
  const of = found.map(({ counts }) => counts.editions.get(rule.edition)!);
  const perDay = rule.widthsUs.map((widthUs) => perDayOf(rule, widthUs, found));
  const rowsPerDay = perDay.reduce((sum, one) => sum + one.rowsPerDay, 0);
  const seriesOut = new Set(of.flatMap((one) => [...one.seriesOut]));
  return {
    seriesIn: of.reduce((sum, one) => sum + one.seriesIn, 0),
    seriesOut: seriesOut.size,
    samplesPerSecond: found.reduce((sum, { counts, fromUs, untilUs }) => {
      const { samples } = counts.editions.get(rule.edition)!;
      return sum + perSecond(samples, untilUs - fromUs);
    }, 0),
    rowsPerSecond: rowsPerDay / (DAY_US / SECOND_US),
    rowsPerDay,
    bytesPerDay: perDay.reduce((sum, one) => sum + one.bytesPerDay, 0),
  };
}

/** A window that only reaches into the range is as full as one that lies in it. */
function perDayOf(
  { edition }: CompiledRule,
  widthUs: number,
  found: readonly PartitionPreview[],
): { rowsPerDay: number; bytesPerDay: number } {
  let rowsPerDay = 0;
  let bytesPerDay = 0;
  for (const { counts, fromUs, untilUs } of found) {
    const width = counts.editions.get(edition)!.widths.get(widthUs);
    if (width === undefined || untilUs <= fromUs) continue;
    const windows = Math.floor((untilUs - 1) / widthUs) - Math.floor(fromUs / widthUs) + 1;
    const times = DAY_US / widthUs / windows;
    rowsPerDay += width.rows * times;
    bytesPerDay += width.bytes * times;
  }
  return { rowsPerDay, bytesPerDay };
}

function rawCost(
  found: readonly PartitionPreview[],
  samplesOf: (one: PartitionPreview) => number,
): RawCost {
  const samplesPerDay = found.reduce((sum, one) => {
    return sum + perSecond(samplesOf(one), one.untilUs - one.fromUs) * (DAY_US / SECOND_US);
  }, 0);
  return { samplesPerDay, bytesPerDay: samplesPerDay * RAW_SAMPLE_BYTES };
}

function perSecond(count: number, us: number): number {
  return us <= 0 ? 0 : count / (us / SECOND_US);
}

function examplesOf(
  { edition, aggregates }: CompiledRule,
  found: readonly PartitionPreview[],
): ExampleWindow[] {
  const examples = found.flatMap(({ partition, counts }) => {
    const { examples: its } = counts.editions.get(edition)!;
    return [...its.values()].map((one) => ({ ...one, partition }));
  });
  const complete = examples.filter(({ isComplete }) => isComplete);
  const open = examples.filter(({ isComplete }) => !isComplete);
  return [...complete, ...open]
    .slice(0, EXAMPLES_MAX)
    .map(({ labels, partition, piece, isComplete }) => ({
      partition,
      labels: formatLabels(labels),
      width: formatWidth(piece.widthUs),
      start: formatTimeUs(piece.startUs),
      complete: isComplete,
      values: windowValues(piece, aggregates),
    }));
}

function notCoveredOf(
  { partition, bound, untilUs, fromUs }: PartitionPreview,
  sinceUs: number,
): string[] {
  const began =
    fromUs > sinceUs
      ? [`Partition ${partition}: the log begins at ${formatTimeUs(fromUs)}, within the range.`]
      : [];
  if (bound === undefined) return began;
  const reasons = {
    samples: 'the bound of --samples was reached',
    series: 'there are too many series',
    time: 'the bound of --seconds was reached',
  };
  const what =
    untilUs > fromUs ? `what came after ${formatTimeUs(untilUs)}` : 'anything of the range';
  return [
    ...began,
    `Partition ${partition}: ${what} was not looked at, because ${reasons[bound]}.`,
  ];
}
