import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorText, MillraceError } from '@millrace/runtime';
import { parseRules, type CompiledRules, type RuleProblem } from '@millrace/rules';

export interface RuleFileContent {
  /** Absolute. */
  file: string;
  rules: CompiledRules;
  /** As a person wrote it. */
  source: string;
}

/** Read when it is in the working directory and nothing else was asked for. */
export const RULE_FILE_NAME = 'millrace.yaml';

/** A rule file that is not right, with every fault of it. */
export class RuleFileError extends MillraceError {
  readonly file: string;
  readonly problems: readonly RuleProblem[];

  constructor(file: string, problems: readonly RuleProblem[]) {
    const lines = problems.map(({ line, column, code, message, remedy }) => {
      return `${file}:${line}:${column}: ${code}: ${message} ${remedy}`;
    });
    super({
      code: 'CONFIG_RULES',
      kind: 'permanent',
      message: lines.join('\n'),
      remedy: `Correct ${file}; "millrace config validate ${file}" tells when it is right.`,
    });
    this.name = 'RuleFileError';
    this.file = file;
    this.problems = problems;
  }
}

/**
 * Reads and compiles a rule file; undefined when none was asked for and none is there.
 *
 * @throws RuleFileError with line and column of every fault; MillraceError CONFIG_FILE when the
 * file cannot be read.
 */
export async function readRuleFile(
  params: Readonly<{ config: string | undefined; cwd: string }>,
): Promise<RuleFileContent | undefined> {
  const file = resolve(params.cwd, params.config ?? RULE_FILE_NAME);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && params.config === undefined) return undefined;
    throw fileUnreadable(file, error);
  }
  const parsed = parseRules(text);
  if (!parsed.ok) throw new RuleFileError(file, parsed.problems);
  return { file, rules: parsed.compiled, source: text };
}

function fileUnreadable(file: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'CONFIG_FILE',
    kind: 'permanent',
    message: `The rule file ${file} cannot be read (${errorText(cause)}). Nothing was changed.`,
    remedy: 'Name a file that exists; to start, none is needed: rules are optional.',
    cause,
  });
}
