import { nearestWord } from '@millrace/runtime';
import type { SqlError } from './postgres-errors.ts';
import { statementText } from './statement-text.ts';

/** A statement that lists what a person may ask, and its columns. */
export function relationsStatement(): string {
  return statementText('relations');
}

const RELATIONS = [...relationsStatement().matchAll(/\(\d+, '(\w+)'/g)].map(([, name]) => name!);

const LISTED = '"millrace sql" without a statement lists what there is, with its columns.';
const TIMES = `Write times as now() - interval '1 hour', or '2026-11-29T12:00:00Z'.`;
const FUNCTIONS =
  'There are samples_of(selector, from, to), quantile(histogram, q), rate(increase, width), ' +
  'distinct_count("distinct"), sum_last(inputs), avg_last(inputs) and count_series(inputs); ' +
  'rates and increases of counters stand in series_windows, by window.';

/** What to say of an error that the server tells nothing of, or not what is meant here. */
interface Remedy {
  /** SQLSTATE. */
  code: string;
  /** Of the message, the hint, or the statement. */
  message?: RegExp;
  statement?: RegExp;
  say: (message: string, hint: string | undefined) => string;
}

/** The first that fits. */
const REMEDIES: readonly Remedy[] = [
  { code: '25006', say: () => 'Queries are read-only; add --write to allow changes.' },
  {
    code: '42P01',
    message: /FROM-clause entry for table "labels"/,
    say: () => `Write a label as labels->>'job'.`,
  },
  { code: '42P01', message: /relation "/, say: (message) => relationRemedy(message) },
  {
    code: '42703',
    statement: /labels\s*->>?\s*"?\w/,
    say: () => `Write a label as labels->>'job', with single quotation marks.`,
  },
  { code: '42703', say: (_, hint) => columnRemedy(hint) },
  { code: '42883', message: /^function /, say: () => FUNCTIONS },
  { code: '22007', message: /timestamp|date/, say: () => TIMES },
  {
    code: '22007',
    message: /interval/,
    say: () => `Write lengths of time as interval '5 minutes'.`,
  },
  {
    code: '42601',
    message: /junk after numeric literal at or near "[\d.]+(ms|s|m|h|d|w)"/,
    say: () => TIMES,
  },
  { code: '42601', message: /multiple commands/, say: () => 'Give one statement at a time.' },
  {
    code: '42601',
    statement: /^\s*(\\|show\b|describe\b|desc\b|use\b|select$)/i,
    say: () => LISTED,
  },
  { code: '42704', statement: /^\s*show\b/i, say: () => LISTED },
  {
    code: '55000',
    message: /^cannot (delete from|insert into|update) view/,
    say: () =>
      'What is shown follows from the log, and nobody changes it by hand: samples come by push, ' +
      '"millrace retention" tells when they go, "millrace rules" and "reprocess" change windows.',
  },
  {
    code: '57014',
    message: /statement timeout/,
    say: () =>
      'Ask for less: a condition on bucket (samples) or start (windows) leaves out all that lies ' +
      'outside of it, and samples_of(selector, from, to) does that by itself.',
  },
];

/** The next thing to do about a statement that the server refused. */
export function statementRemedy(error: SqlError, sql: string): string {
  const { code, message, hint } = error;
  const found = REMEDIES.find(
    (remedy) =>
      remedy.code === code &&
      (remedy.message?.test(message) ?? true) &&
      (remedy.statement?.test(sql) ?? true),
  );
  return found?.say(message, hint) ?? hint ?? `Correct the statement. ${LISTED}`;
}

function relationRemedy(message: string): string {
  const name = /relation "([^"]+)"/.exec(message)?.[1] ?? '';
  const meant = nearestWord(name, RELATIONS);
  return meant === undefined ? LISTED : `Did you mean ${meant}? ${LISTED}`;
}

function columnRemedy(hint: string | undefined): string {
  const texts = `Texts stand in single quotation marks, a label is labels->>'job'. ${LISTED}`;
  return hint === undefined ? texts : `${hint} ${texts}`;
}
