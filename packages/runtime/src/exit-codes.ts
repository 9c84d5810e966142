import { MillraceError } from './errors.ts';

/** What a command's exit code says; nothing else is ever returned. */
export const exitCodes: Readonly<{
  ok: 0;
  failure: 1;
  /** The command line was wrong. */
  usage: 2;
  /** A setting or the configuration file was wrong (EX_CONFIG of sysexits.h). */
  configuration: 78;
  /** Ended by Ctrl-C before it was done. */
  interrupted: 130;
  /** Whoever read its results was gone before it was done, as SIGPIPE would have it. */
  unread: 141;
}> = { ok: 0, failure: 1, usage: 2, configuration: 78, interrupted: 130, unread: 141 };

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Codes like these are about what a person configured, whoever throws them. */
const configurationCode =
  /^(SETTING|CONFIG|RULES)|_SETTINGS$|^(STREAM_ADDRESS|STORE_URL|ARCHIVE_ADDRESS)$/;

/** The exit code of a command that ended with `error`. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof MillraceError)) return exitCodes.failure;
  if (error.kind === 'aborted') return exitCodes.interrupted;
  // What may go well the next time is not wrong in itself, whatever it is about.
  if (error.kind === 'transient') return exitCodes.failure;
  return configurationCode.test(error.code) ? exitCodes.configuration : exitCodes.failure;
}
