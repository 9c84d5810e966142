import { open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, MillraceError } from '@millrace/runtime';
import { compileRules, readCompiledRules, rulesDigest, type CompiledRules } from '@millrace/rules';
import { TOPIC_EVENTS } from '@millrace/stream';
import type { DataDirectory } from './running/data-directory.ts';
import type { RuleFileContent } from './running/rule-file.ts';

/** The rules that a log was started with, and where they came from. */
export interface RulesInForce {
  rules: CompiledRules;
  digest: string;
  /** The rule file they were read from at the first start; undefined: none, only the roll-ups. */
  file: string | undefined;
  /** True when this start is the first one, and the rules still have to be recorded. */
  isFirstStart: boolean;
}

/** `rules.json` of the data directory. */
interface RecordedRules {
  digest: string;
  file: string | null;
  rules: unknown;
}

/**
 * The rules to fold by: those of the first start for a log that has one, else those of the file,
 * else the roll-ups alone. A log's rules cannot change yet, so a file that says otherwise is
 * refused instead of being ignored.
 *
 * @throws MillraceError CONFIG_RULES_CHANGED, CONFIG_RULES_RECORD.
 */
export async function chooseRules(
  directory: DataDirectory,
  wanted: RuleFileContent | undefined,
): Promise<RulesInForce> {
  const recorded = await readRecordedRules(directory);
  // A first start that failed before anything was made does not bind the second one.
  if (recorded === undefined || (await isUntouched(directory))) {
    const rules = wanted?.rules ?? compileRules(undefined);
    return { rules, digest: rulesDigest(rules), file: wanted?.file, isFirstStart: true };
  }
  if (wanted !== undefined && rulesDigest(wanted.rules) !== recorded.digest) {
    throw rulesChanged(directory, wanted.file, recorded.file);
  }
  return recorded;
}

/** Whether there is neither a log nor a state that any rules could be in force for. */
async function isUntouched(directory: DataDirectory): Promise<boolean> {
  const made = [join(directory.log, TOPIC_EVENTS), join(directory.state, 'data.mdb')];
  const found = await Promise.all(made.map((path) => stat(path).then(() => true, isAbsent)));
  return !found.includes(true);
}

function isAbsent(error: unknown): false {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
  throw error;
}

/** Makes the rules those of this data directory for good; durable when it resolves. */
export async function recordRules(directory: DataDirectory, inForce: RulesInForce): Promise<void> {
  const { digest, file = null, rules } = inForce;
  const path = `${directory.rulesFile}.new`;
  const handle = await open(path, 'w', 0o644);
  try {
    const recorded: RecordedRules = { digest, file, rules };
    await handle.writeFile(`${JSON.stringify(recorded, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(path, directory.rulesFile);
  const parent = await open(join(directory.rulesFile, '..'), 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

async function readRecordedRules(directory: DataDirectory): Promise<RulesInForce | undefined> {
  let text: string;
  try {
    text = await readFile(directory.rulesFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { digest, file, rules: written } = JSON.parse(text) as RecordedRules;
    const rules = readCompiledRules(written);
    if (rulesDigest(rules) !== digest) throw new Error('its digest is not that of its rules');
    return { rules, digest, file: file ?? undefined, isFirstStart: false };
  } catch (error) {
    throw new MillraceError({
      code: 'CONFIG_RULES_RECORD',
      kind: 'permanent',
      message:
        `${directory.rulesFile}, which holds the rules this log was started with, cannot be ` +
        `used (${errorText(error)}). Nothing was started; log and store were not touched.`,
      remedy:
        'Put it back from a backup. If there is none, remove it: the rules in the log stay in ' +
        'force, and the rule file of the next start is recorded as theirs.',
      cause: error,
    });
  }
}

function rulesChanged(
  directory: DataDirectory,
  file: string,
  firstFile: string | undefined,
): MillraceError {
  return new MillraceError({
    code: 'CONFIG_RULES_CHANGED',
    kind: 'permanent',
    message:
      `The rules of ${file} are not the ones this log was started with ` +
      `(${firstFile ?? 'no rule file'}), and the rules of a running log cannot be changed yet. ` +
      `Nothing was started; the old rules stay in force in ${directory.path}, and what is ` +
      'stored stays.',
    remedy:
      `Start with the file as it was, or away from it: the rules in force are kept in ` +
      `${directory.rulesFile}. Or take a new data directory (MILLRACE_DATA_DIR) for new rules.`,
  });
}
