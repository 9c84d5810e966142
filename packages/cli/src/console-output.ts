import pc from 'picocolors';

/** Where a command writes: results on standard output, everything else on standard error. */
export interface ConsoleOutput {
  /** A line of the result. */
  result(line: string): void;
  /** A line about how it goes. */
  notice(line: string): void;
  /** Colours of results; they do nothing where nobody would see them. */
  colours: Colours;
  noticeColours: Colours;
  /** Writes the last line of notices anew; undefined where nobody would see it move. */
  rewrite: ((line: string) => void) | undefined;
  /** Columns of the terminal; undefined when it is none. */
  columns: number | undefined;
}

export type Colours = ReturnType<typeof pc.createColors>;

/** What of a stream we need. */
export interface OutputStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export function createConsoleOutput(
  params: Readonly<{
    stdout: OutputStream;
    stderr: OutputStream;
    environment: Readonly<Record<string, string | undefined>>;
  }>,
): ConsoleOutput {
  const { stdout, stderr, environment } = params;
  return {
    result: (line) => void stdout.write(`${line}\n`),
    notice: (line) => void stderr.write(`${line}\n`),
    colours: pc.createColors(hasColours(stdout, environment)),
    noticeColours: pc.createColors(hasColours(stderr, environment)),
    rewrite:
      stderr.isTTY === true && environment['TERM'] !== 'dumb'
        ? (line) => void stderr.write(`\r${line}\u001B[K`)
        : undefined,
    columns: stdout.isTTY === true ? stdout.columns : undefined,
  };
}

/** NO_COLOR wins (no-color.org), FORCE_COLOR comes next, then whether a person looks. */
export function hasColours(
  stream: OutputStream,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  if ((environment['FORCE_COLOR'] ?? '') !== '') return environment['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}
