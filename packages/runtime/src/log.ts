import { pino } from 'pino';

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

/** A log that writes one JSON object a line to standard error. */
export function createLog(params: Readonly<{ level: LogLevel; fields?: LogFields }>): Log {
  return pino(
    { level: params.level, base: { ...params.fields }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
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
