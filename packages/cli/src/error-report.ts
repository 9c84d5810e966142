import { MillraceError } from '@millrace/runtime';
import { RuleFileError } from '@millrace/single/running';
import type { Colours, ConsoleOutput } from './console-output.ts';

/** An error as a person reads it: what happened, then what to do. */
export function reportError(output: ConsoleOutput, error: unknown): void {
  const colours = output.noticeColours;
  if (error instanceof RuleFileError) {
    for (const line of ruleProblemLines(error, colours)) output.notice(line);
  } else if (error instanceof MillraceError) {
    output.notice(`${colours.red(error.code)}: ${error.message}`);
  } else {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    output.notice(`${colours.red('DEFECT')}: ${text}`);
  }
  const remedy = error instanceof MillraceError ? error.remedy : undefined;
  if (remedy !== undefined) output.notice(`${colours.green('→')} ${remedy}`);
}

/** The same for programs, where a command was to print JSON and has printed nothing. */
export interface ErrorJson {
  ok: false;
  code: string;
  kind: string;
  message: string;
  remedy: string | null;
}

export function errorJson(error: unknown): ErrorJson {
  if (!(error instanceof MillraceError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, code: 'DEFECT', kind: 'defect', message, remedy: null };
  }
  const { code, kind, message, remedy = null } = error;
  return { ok: false, code, kind, message, remedy };
}

/** The same of what was typed: a command or an option that is not there, or its value is none. */
export function usageJson({ message }: Error): ErrorJson {
  const text = message.replace(/^error: /, '');
  return { ok: false, code: 'USAGE', kind: 'permanent', message: text, remedy: null };
}

/** `file:line:column: CODE: message`, as editors and other tools understand it, then the remedy. */
export function ruleProblemLines(error: RuleFileError, colours: Colours): string[] {
  return error.problems.map(({ line, column, code, message, remedy }) => {
    const place = colours.bold(`${error.file}:${line}:${column}:`);
    return `${place} ${colours.red(code)}: ${message} ${remedy}`;
  });
}
