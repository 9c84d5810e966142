import { isatty } from 'node:tty';
import { MillraceError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** A wish to stop, made of the first SIGINT or SIGTERM, or of a terminal that was closed. */
export interface Shutdown {
  /** Aborts with a `STOP_REQUESTED` error of kind aborted at the first signal. */
  readonly signal: AbortSignal;
  /** Resolves with the name of the first signal; never, when there is none. */
  readonly requested: Promise<NodeJS.Signals>;
  /** Stops listening: signals do what they did before. */
  dispose(): void;
}

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Signals this close after the first are the same wish: on Ctrl-C the terminal signals the whole
 * process group and `npm start` forwards its own copy, so one key press arrives twice. Without
 * this the second copy would cut every clean stop short.
 */
const sameWishMs = 1_000;

/**
 * Listens for SIGINT and SIGTERM, and for SIGHUP, which a terminal sends that is closed. The first
 * asks for a clean stop; a later one ends the process at once with 130, which is as safe as
 * kill -9: nothing acknowledged is lost, the next start recovers. Without a terminal SIGHUP is
 * passed over: under nohup nobody wants to stop, and from a supervisor it asks to read the
 * configuration again, where nothing is read but at the start.
 */
export function listenForShutdown(
  params: Readonly<{
    /** Told of each signal that counts, so that a person sees that it was heard. */
    onSignal?: (name: NodeJS.Signals, count: number) => void;
    /** Told of each SIGHUP that was passed over. */
    onHangup?: () => void;
    /** Whether a person sits before this process. */
    hasTerminal?: boolean;
    exit?: (code: number) => void;
    /** Milliseconds of any steady clock. */
    nowMs?: () => number;
  }> = {},
): Shutdown {
  const { onSignal, onHangup, hasTerminal = [1, 2].some((fd) => isatty(fd)) } = params;
  const { exit = (code) => process.exit(code), nowMs = () => performance.now() } = params;
  const controller = new AbortController();
  const { promise: requested, resolve } = withResolvers<NodeJS.Signals>();
  let firstMs: number | undefined;
  const listen = (name: NodeJS.Signals): void => {
    if (name === 'SIGHUP' && !hasTerminal) return onHangup?.();
    if (firstMs === undefined) {
      firstMs = nowMs();
      onSignal?.(name, 1);
      controller.abort(stopped(name));
      resolve(name);
    } else if (nowMs() - firstMs >= sameWishMs) {
      onSignal?.(name, 2);
      exit(exitCodes.interrupted);
    }
  };
  for (const name of signals) process.on(name, listen);
  return {
    signal: controller.signal,
    requested,
    dispose: () => {
      for (const name of signals) process.off(name, listen);
    },
  };
}

function stopped(name: NodeJS.Signals): MillraceError {
  return new MillraceError({
    code: 'STOP_REQUESTED',
    kind: 'aborted',
    message: `Stopped by ${name}; what was acknowledged is kept.`,
  });
}

// Promise.withResolvers came with Node 22.
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
