import {
  applyRules,
  completeChange,
  firstBarrierOf,
  openControl,
  planRules,
  type RulesPlan,
} from '@millrace/control';
import { openLog } from '@millrace/receiver';
import { compileRules } from '@millrace/rules';
import { MillraceError, type Clock, type Log } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import { FOLD_VERSION } from '@millrace/transformer';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import type { RuleFileContent } from './running/rule-file.ts';

/**
 * Gives a new log its rules, ids and first barriers, and brings the rules of a changed file into
 * force for a log that has some. Without a file whatever is in force stays. Resolves with the log
 * ids of the partitions, as far as their beginning is still held.
 *
 * `startsAnyway`: rules that were changed too often are told of, and those in force stay: whoever
 * starts takes data all the same.
 */
export async function beginLog(
  parts: Readonly<{ stream: Stream; clock: Clock; log: Log }>,
  wanted: RuleFileContent | undefined,
  { startsAnyway = false }: Readonly<{ startsAnyway?: boolean }> = {},
): Promise<(string | undefined)[]> {
  const { stream, log } = parts;
  const { inForce, isFirst } = await openControl(parts, {
    rules: wanted?.rules ?? compileRules(undefined),
    source: wanted?.source ?? '',
    settings: DEFAULT_FOLD_SETTINGS,
    foldVersion: FOLD_VERSION,
  });
  const barrier = firstBarrierOf(inForce, stream.partitions);
  const logIds = await openLog({ stream, barrier });
  if (wanted === undefined || isFirst) return logIds;
  const { rules, source, file } = wanted;
  if (planRules(inForce, completeChange({ rules, source }, inForce)).isChanged) {
    try {
      const { plan } = await applyRules(parts, { rules, source });
      log.info({ file, ...namesOf(plan) }, 'The rules of the file are in force from here on.');
    } catch (error) {
      if (!startsAnyway || !isTooOften(error)) throw error;
      const fields = { file, means: error.message, remedy: error.remedy };
      log.warn(fields, 'The rules of the file are not in force; those of before stay.');
    }
  }
  return logIds;
}

function isTooOften(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === 'RULES_TOO_OFTEN';
}

function namesOf({ added, changed, removed }: RulesPlan): Record<string, string> {
  const named = {
    added: added.map(({ name }) => name),
    changed: changed.map(({ to }) => to.name),
    removed: removed.map(({ name }) => name),
  };
  const told = Object.entries(named).filter(([, names]) => names.length > 0);
  return Object.fromEntries(told.map(([what, names]) => [what, names.join(', ')]));
}
