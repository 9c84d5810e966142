import { MillraceError } from '@millrace/runtime';
import { TOPIC_CONTROL, TOPIC_EVENTS } from '@millrace/stream';

export function controlBroken(offset: number, why: string): MillraceError {
  return new MillraceError({
    code: 'CONTROL_BROKEN',
    kind: 'permanent',
    message:
      `Record ${offset} of ${TOPIC_CONTROL} cannot be used: ${why}. The rules in force stay in ` +
      'force, as the barriers of the log have them; nothing was changed.',
    remedy: 'Check that only Millrace writes to the topic; put it back from a backup.',
  });
}

export function controlLost(): MillraceError {
  return new MillraceError({
    code: 'CONTROL_LOST',
    kind: 'permanent',
    message:
      `${TOPIC_CONTROL} is empty, but ${TOPIC_EVENTS} is not: the rules of this log were lost, ` +
      'or these are topics of two different logs. Nothing was changed.',
    remedy: 'Put the topic back from a backup, or begin with new topics and a new database.',
  });
}

export function notBegun(): MillraceError {
  return new MillraceError({
    code: 'CONTROL_NOT_BEGUN',
    kind: 'permanent',
    message: `${TOPIC_CONTROL} is empty: there is no log yet that rules could be in force for.`,
    remedy: 'Run "millrace setup" (or "millrace up") first; then apply the rules.',
  });
}

export function otherPartitions(recorded: number, found: number): MillraceError {
  return new MillraceError({
    code: 'CONTROL_PARTITIONS',
    kind: 'permanent',
    message:
      `This log was made with ${recorded} partitions, and ${TOPIC_EVENTS} has ${found}. Samples ` +
      'would go to other partitions than before, and could be counted twice. Nothing was started.',
    remedy: 'Put the topics back as they were: the number of partitions is fixed for a log.',
  });
}

export function rulesTooBig(bytes: number, bytesMax: number): MillraceError {
  return new MillraceError({
    code: 'RULES_TOO_BIG',
    kind: 'permanent',
    message:
      `These rules take ${bytes} bytes in one record of the log, more than ${bytesMax}. The ` +
      'rules in force stay in force; nothing was changed.',
    remedy: 'Remove rules or comments, or join values of a label into one regular expression.',
  });
}

export function rulesTooOften(versions: number, minutes: number): MillraceError {
  return new MillraceError({
    code: 'RULES_TOO_OFTEN',
    kind: 'transient',
    message:
      `The rules were changed ${versions} times within little more than an hour, and each change ` +
      'is folded beside the ones before for so long. The rules in force stay in force; nothing ' +
      'was changed.',
    remedy:
      `Look with "millrace rules list --versions" whether two apply different rules in turn; ` +
      `apply yours again in ${minutes} min.`,
  });
}

export function foldVersionLacking(wanted: number, known: readonly number[]): MillraceError {
  return new MillraceError({
    code: 'RULES_FOLD_VERSION',
    kind: 'permanent',
    message:
      `There is no fold version ${wanted} in this release, only ${known.join(', ')}. Nothing ` +
      'was changed.',
    remedy: 'Ask for one of those, or run a release that has it, of every stage.',
  });
}

export function foldVersionTooOld(needed: number, inForce: number): MillraceError {
  return new MillraceError({
    code: 'RULES_FOLD_VERSION',
    kind: 'permanent',
    message:
      `A rule that drops needs fold version ${needed}, and this log is folded by version ` +
      `${inForce}. The rules in force stay in force; nothing was changed.`,
    remedy:
      'Bring the newer one into force with "millrace rules upgrade", once every stage runs this ' +
      'release; then apply the rules.',
  });
}

export function outrunByOther(): MillraceError {
  return new MillraceError({
    code: 'RULES_OUTRUN',
    kind: 'transient',
    message:
      'Somebody else applied rules at the same time, and was first. Theirs are in force; yours ' +
      'were not applied.',
    remedy: 'Look at them with "millrace rules list", then apply yours again.',
  });
}

export function barriersMissing(
  version: number,
  missing: readonly number[],
  cause: unknown,
): MillraceError {
  return new MillraceError({
    code: 'RULES_BARRIERS_MISSING',
    kind: 'transient',
    message:
      `Version ${version} of the rules is recorded, but ${missing.length} partitions ` +
      `(${missing.join(', ')}) could not be told. They go on under the rules of before, until ` +
      'their transformer tells them; nothing is lost or counted twice meanwhile.',
    remedy: 'Apply the same rules again: it only completes what is missing.',
    cause,
  });
}

export function candidateUnknown(number: number, known: readonly number[]): MillraceError {
  const there = known.length === 0 ? 'there is none' : `there is ${known.join(', ')}`;
  return new MillraceError({
    code: 'CANDIDATE_UNKNOWN',
    kind: 'permanent',
    message: `Nothing numbered ${number} is folded beside the rules in force: ${there}.`,
    remedy: 'Look at them with "millrace edition list".',
  });
}

export function candidateInForce(number: number): MillraceError {
  return new MillraceError({
    code: 'CANDIDATE_IN_FORCE',
    kind: 'permanent',
    message: `The rules numbered ${number} were promoted and are in force. Nothing was changed.`,
    remedy: 'Go back to those of before with "millrace edition rollback", then drop them.',
  });
}

export function candidatesFull(candidatesMax: number): MillraceError {
  return new MillraceError({
    code: 'CANDIDATES_FULL',
    kind: 'permanent',
    message:
      `${candidatesMax} sets of rules are folded beside those in force, and each of them costs ` +
      'as much as the rules in force do. Nothing was changed.',
    remedy: 'Free one with "millrace edition drop"; "millrace edition list" shows them.',
  });
}

export function sinceInFuture(): MillraceError {
  return new MillraceError({
    code: 'REPROCESS_SINCE',
    kind: 'permanent',
    message: 'History cannot begin in the future. Nothing was changed.',
    remedy: 'Give a time that is over, for example --since 2h.',
  });
}

export function retentionUnreadable(version: number): MillraceError {
  return new MillraceError({
    code: 'CONTROL_RETENTION',
    kind: 'permanent',
    message:
      `How long rows are kept cannot be read out of the rule files of version ${version}: ` +
      'another release wrote them. Nothing is deleted.',
    remedy: 'Run the release that applied these rules, or apply rules with this one.',
  });
}
