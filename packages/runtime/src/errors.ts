/** The kind alone decides what a loop does with an error. */
export type ErrorKind = 'transient' | 'permanent' | 'outrun' | 'defect' | 'aborted';

/**
 * An error of ours: a stable code, a kind, and a message that tells what happened, where, what
 * it means for the data, and what to do next.
 */
export class MillraceError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  /** The next thing a person can do, as a sentence or a command. */
  readonly remedy: string | undefined;

  constructor(
    params: Readonly<{
      code: string;
      kind: ErrorKind;
      message: string;
      remedy?: string;
      cause?: unknown;
    }>,
  ) {
    super(params.message, params.cause === undefined ? undefined : { cause: params.cause });
    this.name = 'MillraceError';
    this.code = params.code;
    this.kind = params.kind;
    this.remedy = params.remedy;
  }
}

/** The kind of any thrown thing; what is not ours is a defect. */
export function errorKind(error: unknown): ErrorKind {
  if (error instanceof MillraceError) return error.kind;
  if (error instanceof Error && error.name === 'AbortError') return 'aborted';
  return 'defect';
}

/** `code: message` of ours, the message of others: for log lines and answers. */
export function errorText(error: unknown): string {
  if (error instanceof MillraceError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
