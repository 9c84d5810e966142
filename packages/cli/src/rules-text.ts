import { formatWidth, ROLLUP_RULE_NAME } from '@millrace/rules';
import type {
  RulesAnswer,
  RulesChangeAnswer,
  ShownPlan,
  ShownRule,
  VersionSummary,
} from '@millrace/receiver';
import type { Colours } from './console-output.ts';
import { quoteYaml } from './rule-yaml.ts';
import { formatTable } from './text-table.ts';

/** `rules list`: every rule in force, a line each; the built-in one first. */
export function formatRuleList(answer: RulesAnswer, colours: Colours): string {
  const columns = [
    { title: 'rule' },
    { title: 'match' },
    { title: 'labels' },
    { title: 'widths' },
    { title: 'aggregates' },
    { title: 'raw' },
    { title: 'edition', align: 'right' },
  ] as const;
  const byName = answer.rules.toSorted((a, b) => rankOf(a) - rankOf(b) || compare(a.name, b.name));
  const rows = byName.map((rule) => [
    rule.name,
    rule.match,
    labelsText(rule),
    (rule.widths ?? []).join(' '),
    (rule.aggregates ?? []).join(' '),
    rawText(rule, colours),
    String(rule.edition),
  ]);
  return [versionLine(answer), '', formatTable(columns, rows, colours)].join('\n');
}

/** `rules list --versions`: what each version changed. */
export function formatVersions(answer: RulesAnswer, colours: Colours): string {
  const columns = [{ title: 'version' }, { title: 'applied' }, { title: 'what changed' }];
  const rows = answer.versions.map((version) => [
    String(version.version),
    version.applied,
    summaryText(version),
  ]);
  const { versionsLeftOut } = answer;
  const more = versionsLeftOut === 0 ? [] : ['', `${versionsLeftOut} older ones are left out.`];
  return [formatTable(columns, rows, colours), ...more].join('\n');
}

/** `rules diff`: field by field what another file would change. */
export function formatDiff(
  file: string,
  { changed, version, plan }: RulesChangeAnswer,
  colours: Colours,
): string {
  if (!changed) return `${file} says what is in force: version ${version}.`;
  const lines = [colours.bold(`version ${version} → ${file}`)];
  for (const rule of plan.added) {
    lines.push(colours.green(`+ ${rule.name}`), ...fieldsOf(rule).map((text) => `    ${text}`));
  }
  for (const { rule, from, to } of plan.changed) {
    lines.push(colours.yellow(`~ ${rule}`), ...changedFields(from, to).map((one) => `    ${one}`));
  }
  for (const rule of plan.removed) {
    lines.push(colours.red(`- ${rule.name}`), ...fieldsOf(rule).map((text) => `    ${text}`));
  }
  return [...lines, ...otherChanges(plan), ...unchangedLine(plan)].join('\n');
}

/** `rules apply`: what was changed, or would be, and when it shows. */
export function formatApplied(
  { changed, version, plan, barriers }: RulesChangeAnswer,
  { isPlan }: Readonly<{ isPlan: boolean }>,
  colours: Colours,
): string {
  if (!changed) return nothingChanged(version, isPlan);
  const head = isPlan
    ? `Version ${version} would be replaced; nothing was changed.`
    : `Version ${version} is in force from here on; ${barriers.length} partitions were told.`;
  const rows = [
    ...plan.added.map((rule) => [colours.green('added'), rule.name, editionText(rule)]),
    ...plan.changed.map(({ rule, from, to }) => {
      return [colours.yellow('changed'), rule, `${editionText(from)} → ${editionText(to)}`];
    }),
    ...plan.removed.map((rule) => [colours.red('removed'), rule.name, editionText(rule)]),
    ...plan.unchanged.map((rule) => ['unchanged', rule.name, editionText(rule)]),
  ];
  const columns = [{ title: '' }, { title: 'rule' }, { title: 'edition' }];
  const table = formatTable(columns, rows, colours);
  return [head, '', table, ...otherChanges(plan), '', ...(isPlan ? WHEN_PLANNED : WHEN)].join('\n');
}

/** `rules upgrade`. */
export function formatUpgraded(
  { changed, version, plan, barriers }: RulesChangeAnswer,
  { isPlan }: Readonly<{ isPlan: boolean }>,
): string {
  const { foldVersion } = plan;
  if (!changed || foldVersion === null) {
    return `Nothing ${isPlan ? 'would change' : 'changed'}: that fold version is in force.`;
  }
  const { from, to } = foldVersion;
  if (isPlan) return `Fold version ${from} would be replaced by ${to}; nothing was changed.`;
  return (
    `Fold version ${to} is in force from here on, instead of ${from}; ${barriers.length} ` +
    `partitions were told with version ${version} of the rules, which stay as they are.`
  );
}

const WHEN = [
  'Each partition folds the new editions from now on, from its barrier in the log. Queries see',
  'them once every partition has begun them, from the first window after that. What was folded',
  'before stays as it is: history is not computed again by this.',
];
const WHEN_PLANNED = [
  'Each partition would fold the new editions from its barrier in the log on. Queries would see',
  'them once every partition has begun them, from the first window after that. What was folded',
  'before would stay as it is: history is not computed again by this.',
];

function nothingChanged(version: number, isPlan: boolean): string {
  if (isPlan) return `Nothing would change: version ${version} has the same rules.`;
  return (
    `Nothing changed: version ${version} has the same rules. Every partition was told again, so\n` +
    'barriers that were missing after an apply that broke off are complete now.'
  );
}

function otherChanges({ settings, foldVersion, retention }: ShownPlan): string[] {
  const lines = settings.map(({ name, from, to }) => `setting ${name}: ${from} → ${to}`);
  if (foldVersion !== null) lines.push(`fold version: ${foldVersion.from} → ${foldVersion.to}`);
  if (retention) lines.push('rows are kept for another time: see millrace retention');
  return lines;
}

function unchangedLine({ unchanged }: ShownPlan): string[] {
  if (unchanged.length === 0) return [];
  return [`  unchanged: ${unchanged.map(({ name }) => name).join(', ')}`];
}

function editionText({ edition }: ShownRule): string {
  return edition === undefined ? 'a new one' : String(edition);
}

/** The fields of a rule as its file has them; those that say nothing are left out. */
function fieldsOf(rule: ShownRule): string[] {
  const { name: _name, edition: _edition, ...fields } = rule;
  return Object.entries(fields).map(([field, value]) => `${field}: ${quoteYaml(value)}`);
}

function changedFields(from: ShownRule, to: ShownRule): string[] {
  const names = [
    ...(['match', 'by', 'without', 'widths', 'aggregates'] as const),
    ...(['keep_raw', 'drop'] as const),
  ];
  const lines = names
    .filter((name) => quoteYaml(from[name]) !== quoteYaml(to[name]))
    .map((name) => `${name}: ${quoteYaml(from[name])} → ${quoteYaml(to[name])}`);
  // It changes with what other rules take away from it.
  return lines.length > 0 ? lines : ['which series it gets: other rules take others away'];
}

function rawText({ keep_raw: keepRaw, drop }: ShownRule, colours: Colours): string {
  if (drop === true) return colours.red('all dropped');
  return keepRaw === false ? colours.yellow('dropped') : 'kept';
}

function labelsText({ by, without }: ShownRule): string {
  if (by !== undefined) return `by ${by.join(' ') || 'none'}`;
  return without === undefined ? 'all' : `without ${without.join(' ')}`;
}

function summaryText(summary: VersionSummary): string {
  const { added, changed, removed, settings, foldVersion, retention } = summary;
  const parts = [
    ...added.map((name) => `+${name}`),
    ...changed.map((name) => `~${name}`),
    ...removed.map((name) => `-${name}`),
    ...settings.map((name) => `setting ${name}`),
    ...(foldVersion === null ? [] : [`fold version ${foldVersion.to}`]),
    ...(retention ? ['how long rows are kept'] : []),
  ];
  return parts.join(' ');
}

/** `version 7, in force since …; fold version 1, lateness 1m, retain 10m` */
export function versionLine(answer: RulesAnswer): string {
  const { version, newest, applied, settings, foldVersion, versions } = answer;
  const next = versions.findLast((one) => one.version > version);
  const until = next === undefined ? 'replaced since' : `until ${next.applied}`;
  const when = version === newest ? `in force since ${applied}` : `from ${applied} ${until}`;
  const { latenessUs, retainUs } = settings;
  const how = `lateness ${formatWidth(latenessUs)}, retain ${formatWidth(retainUs)}`;
  return `version ${version}, ${when}; fold version ${foldVersion}, ${how}`;
}

function rankOf({ name }: ShownRule): number {
  return name === ROLLUP_RULE_NAME ? 0 : 1;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}
