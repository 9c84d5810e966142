import { MillraceError } from '@millrace/runtime';

export function badSettings(detail: string): MillraceError {
  return new MillraceError({
    code: 'FOLD_SETTINGS',
    kind: 'permanent',
    message:
      `The log asks to be folded with settings that cannot be: ${detail}. ` +
      'The partition is not folded; the log keeps everything.',
    remedy: 'Check that the log was set up by Millrace and not written by other programs.',
  });
}

export function foldVersionUnknown(found: number, known: number): MillraceError {
  return new MillraceError({
    code: 'FOLD_VERSION',
    kind: 'permanent',
    message:
      `The log asks for fold version ${found}, this program has ${known}. ` +
      'The partition is not folded; the log keeps everything.',
    remedy: 'Run a release that has the fold version in force.',
  });
}

export function noBarrier(offset: number): MillraceError {
  return new MillraceError({
    code: 'FOLD_NO_RULES',
    kind: 'permanent',
    message:
      `Record ${offset} of metrics.events holds data, and no rules came before it. ` +
      'Nothing was skipped; the log keeps it.',
    remedy: 'Check that the log was set up by Millrace and not written by other programs.',
  });
}

export function rulesCannotChange(offset: number): MillraceError {
  return new MillraceError({
    code: 'FOLD_RULES_CHANGED',
    kind: 'permanent',
    message:
      `Record ${offset} of metrics.events brings other rules; this release folds a log under ` +
      'the rules it was started with. The partition stops there; the log keeps everything.',
    remedy: 'Run a release that can change the rules of a running log.',
  });
}
