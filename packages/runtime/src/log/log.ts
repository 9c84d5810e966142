import { pino, type Logger } from 'pino';
import { writeToStandardError } from './standard-error.ts';

/** Log lines: a constant English sentence, data in fields; levels by what an operator must do. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  /** Life cycle. */
  info(fields: LogFields, message: string): void;
  /** Recovered. */
  warn(fields: LogFields, message: string): void;
  /** Act, or data is lost. */
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A log that writes one JSON object a line, by default to standard error. */
export function createLog(
  params: Readonly<{
    level: LogLevel;
    fields?: LogFields;
    destination?: { write(line: string): void };
  }>,
): Log {
  const root = pino(
    { level: params.level, base: {}, timestamp: pino.stdTimeFunctions.isoTime },
    params.destination ?? { write: writeToStandardError },
  );
  return jsonLog(root, { ...params.fields });
}

/** A child's fields take the place of those it has already: a key twice is no good JSON. */
function jsonLog(root: Logger, fields: LogFields): Log {
  const log = root.child(fields);
  return {
    debug: (more, message) => log.debug(more, message),
    info: (more, message) => log.info(more, message),
    warn: (more, message) => log.warn(more, message),
    error: (more, message) => log.error(more, message),
    child: (more) => jsonLog(root, { ...fields, ...more }),
  };
}

const ignore = (): void => undefined;

/** For tests that do not look at the log. */
export const silentLog: Log = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => silentLog,
};
