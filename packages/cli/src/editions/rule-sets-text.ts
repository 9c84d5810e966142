import type { Colours } from '../console-output.ts';
import { formatBytes } from '../quantities.ts';
import { formatTable } from '../text-table.ts';
import type { JobsSummary, RuleSet, RuleSetRule, StoredRule } from './rule-sets.ts';

/** What is in force and what is folded beside it, a line each. */
export function formatRuleSets(sets: readonly RuleSet[], colours: Colours): string {
  const columns = [
    ...[{ title: 'number' }, { title: 'state' }, { title: 'history since' }],
    ...[{ title: 'folded' }, { title: 'rules' }],
  ];
  const rows = sets.map(({ number, state, since, jobs, rules }) => [
    number === null ? '–' : String(number),
    state,
    since ?? '–',
    jobs === null ? '–' : jobsText(jobs),
    rules.map(({ rule }) => rule).join(' '),
  ]);
  const unfinished = sets.flatMap(({ number, unfinished: what }) => {
    return what === null ? [] : [colours.yellow(`${number}: ${what}`)];
  });
  return [formatTable(columns, rows, colours), ...unfinished].join('\n');
}

/** One of them, with its editions. */
export function formatRuleSet(set: RuleSet, colours: Colours): string {
  const { number, state, since, begun, jobs, unfinished, rules } = set;
  const head = [
    number === null ? state : `${number}, ${state}`,
    ...(begun === null ? [] : [`begun ${begun}`]),
    ...(since === null ? [] : [`history since ${since}`]),
    ...(jobs === null ? [] : [`folded ${jobsText(jobs)}`]),
  ];
  const titles = [{ title: 'rule' }, { title: 'edition' }, { title: 'shown' }, WHOLE];
  // Counting reads all windows: only who asked for it gets it.
  const isCounted = rules.some(({ stored }) => stored !== null && stored.size !== null);
  const sizes = (['rows', 'series', 'size'] as const).map((title) => {
    return { title, align: 'right' as const };
  });
  const columns = isCounted ? [...titles, ...sizes] : titles;
  return [
    head.join(', '),
    ...(unfinished === null ? [] : [colours.yellow(unfinished)]),
    formatTable(
      columns,
      rules.map((rule) => ruleRow(rule).slice(0, columns.length)),
      colours,
    ),
  ].join('\n');
}

const WHOLE = { title: 'whole from' };

function ruleRow({ rule, edition, drops, stored }: RuleSetRule): string[] {
  if (drops) return [rule, String(edition), 'drops', '–', '–', '–', '–'];
  if (stored === null) return [rule, String(edition), 'not stored yet', '–', '–', '–', '–'];
  const { size } = stored;
  const counts = size === null ? ['–', '–', '–'] : sizeCells(size);
  return [rule, String(edition), servedText(stored), wholeText(stored), ...counts];
}

function sizeCells({ rows, series, bytes }: NonNullable<StoredRule['size']>): string[] {
  return [rows.toLocaleString('en-US'), series.toLocaleString('en-US'), formatBytes(bytes)];
}

function servedText({ served, dropped }: StoredRule): string {
  if (served.length === 0) return dropped ? 'no, dropped' : 'no';
  return served
    .map(({ from, until }) => {
      if (from === null && until === null) return 'always';
      return [
        ...(from === null ? [] : [`from ${from}`]),
        ...(until === null ? [] : [`until ${until}`]),
      ].join(' ');
    })
    .join('; ');
}

function wholeText({ whole }: StoredRule): string {
  return whole
    .map(({ width, from, isWhole }) => `${width} ${isWhole ? (from ?? 'always') : 'nowhere yet'}`)
    .join(', ');
}

function jobsText({ ended, partitions, share, paused, samplesPerSecond }: JobsSummary): string {
  if (ended === partitions) return 'whole';
  const rate =
    samplesPerSecond === null ? '' : `, at most ${samplesPerSecond.toLocaleString('en-US')}/s`;
  return (
    `${Math.floor(share * 100)} %, ${ended} of ${partitions} partitions` +
    `${paused ? ', paused' : ''}${rate}`
  );
}
