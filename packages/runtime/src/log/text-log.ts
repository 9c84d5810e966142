import type { Log, LogFields, LogLevel } from './log.ts';
import { writeToStandardError } from './standard-error.ts';

/**
 * What people read on a terminal: `12:03:04 warn  writer  Sentence. field=value`. Sentences in the
 * fields `means` and `remedy`, and a `stack`, get lines of their own.
 */
export interface TextLogParams {
  level: LogLevel;
  colours: boolean;
  fields?: LogFields;
  write?: (line: string) => void;
  now?: () => Date;
}

const INDENT = ' '.repeat(15);
const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];
const colourOf: Readonly<Record<string, number>> = { debug: 2, info: 36, warn: 33, error: 31 };

/** A log of short lines for people, on standard error. */
export function createTextLog(params: TextLogParams): Log {
  const { colours, fields = {}, write = writeToStandardError, now = () => new Date() } = params;
  const paint = (code: number, text: string): string =>
    colours ? `\u001B[${code}m${text}\u001B[0m` : text;
  const tell = (level: LogLevel, own: LogFields, message: string): void => {
    if (levels.indexOf(level) < levels.indexOf(params.level)) return;
    const { stage, stack, means, remedy, ...rest } = { ...fields, ...own };
    const time = now().toTimeString().slice(0, 8);
    const where = typeof stage === 'string' ? stage : 'millrace';
    const shown = Object.entries(rest)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${written(value)}`);
    const head = `${paint(2, time)} ${paint(colourOf[level] ?? 0, level.padEnd(5))}`;
    const tail = shown.length === 0 ? '' : ` ${paint(2, shown.join(' '))}`;
    const more = [means, typeof remedy === 'string' ? `→ ${remedy}` : undefined, stack]
      .filter((text) => typeof text === 'string')
      .map((text) => `\n${INDENT}${text.replaceAll('\n', `\n${INDENT}`)}`);
    write(`${head} ${where.padEnd(11)} ${message}${tail}${more.join('')}\n`);
  };
  return {
    debug: (own, message) => tell('debug', own, message),
    info: (own, message) => tell('info', own, message),
    warn: (own, message) => tell('warn', own, message),
    error: (own, message) => tell('error', own, message),
    child: (own) => createTextLog({ ...params, fields: { ...fields, ...own } }),
  };
}

function written(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? typeof value;
}
