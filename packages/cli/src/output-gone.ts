import { isatty } from 'node:tty';
import { exitCodes, type ExitCode } from '@millrace/runtime';

/** What a stream of the process says when nobody reads it any more: a pipe, a terminal. */
const GONE = new Set(['EPIPE', 'EIO']);
const SERVICES = new Set(['up', 'run']);

interface Output {
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * Whoever has seen enough (`| head`) is no reason for a stack trace: a command then ends as SIGPIPE
 * would end it. A service goes on: it has other work than its log lines. `command`: the first word
 * of the command line; without one it is a service.
 */
export function endWhenUnread(
  params: Readonly<{
    command: string | undefined;
    stdout: Output;
    stderr: Output;
    exit: (code: ExitCode) => void;
  }>,
): void {
  const { command = 'up', stdout, stderr, exit } = params;
  const isService = command.startsWith('-') || SERVICES.has(command);
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error) => {
      if (!('code' in error) || !GONE.has(String(error.code))) throw error;
      if (stream === stdout && !isService) exit(exitCodes.unread);
    });
  }
}

/**
 * Call it at the start, and what it returns as the last thing of all: where a terminal was closed
 * meanwhile it ends the process by SIGHUP. Node would want to put that terminal's modes back, and
 * abort because it cannot.
 */
export function watchTerminals(
  isTerminal: (fd: number) => boolean = isatty,
  hangUp: () => void = () => process.kill(process.pid, 'SIGHUP'),
): () => void {
  const terminals = [0, 1, 2].filter((fd) => isTerminal(fd));
  return () => {
    if (terminals.some((fd) => !isTerminal(fd))) hangUp();
  };
}
