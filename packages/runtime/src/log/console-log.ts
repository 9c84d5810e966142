import { createLog, type Log, type LogFields, type LogLevel } from './log.ts';
import { createTextLog } from './text-log.ts';

/** How log lines are written to standard error. */
export interface LoggingSettings {
  level: LogLevel;
  format: 'text' | 'json';
}

/** The log of one thread, in the form that was asked for. */
export function createConsoleLog(
  params: Readonly<{ logging: LoggingSettings; colours: boolean; fields?: LogFields }>,
): Log {
  const { logging, colours, fields = {} } = params;
  const { level, format } = logging;
  return format === 'json'
    ? createLog({ level, fields })
    : createTextLog({ level, colours, fields });
}
