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

export function settingFixed(name: string, from: number, to: number): MillraceError {
  return new MillraceError({
    code: 'FOLD_SETTINGS',
    kind: 'permanent',
    message:
      `The log asks to be folded with ${name} ${to} from here on, and it was begun with ${from}, ` +
      'which cannot change. The partition stops there; the log keeps everything.',
    remedy: `Begin a new log with it, and keep ${name} as it is in this one.`,
  });
}

/** `known` ascending. */
export function foldVersionUnknown(found: number, known: readonly number[]): MillraceError {
  const isNewer = found > known.at(-1)!;
  return new MillraceError({
    code: 'FOLD_VERSION',
    kind: 'permanent',
    message:
      `The log asks for fold version ${found}, this program has versions ${known.join(', ')}. ` +
      'The partition is not folded; the log keeps everything.',
    remedy:
      `Run a release that has fold version ${found}: ` +
      (isNewer ? 'a newer one than this.' : 'an older one than this, which has dropped it.'),
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

export function editionReused(offset: number, edition: number): MillraceError {
  return new MillraceError({
    code: 'FOLD_EDITION_REUSED',
    kind: 'permanent',
    message:
      `Record ${offset} of metrics.events brings edition ${edition} with another meaning than it ` +
      'had: what is stored of it would be mixed up. The partition stops there; the log keeps ' +
      'everything.',
    remedy:
      'Check that only Millrace writes to its topics, and that metrics.control is the one that ' +
      'belongs to this log and this database.',
  });
}

/** Never thrown: folding goes on, and readiness tells it. */
export function samplesLost(
  partition: number,
  samples: number,
  acknowledged: number,
): MillraceError {
  const since = acknowledged === 0 ? '' : `, beside ${acknowledged} that are known`;
  return new MillraceError({
    code: 'FOLD_SAMPLES_LOST',
    kind: 'permanent',
    message:
      `Partition ${partition} of metrics.events has lost ${samples} samples that it had ` +
      `acknowledged${since}. They are in the ledger as lost; everything else is folded and stored.`,
    remedy:
      'Look for the cause in the log itself (replication, disks, whoever removes records); ' +
      '"millrace ledger" tells how many are gone, the warnings of the transformer where. ' +
      'Once you know, "millrace ledger acknowledge" makes readiness tell of new ones only.',
  });
}
