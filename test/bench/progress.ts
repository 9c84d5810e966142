/** Where progress is written: standard error, or what a test has in its place. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** A line that is rewritten may change often; lines that stay are read afterwards. */
const REWRITE_MS = 500;
const LINE_MS = 10_000;
const COLUMNS = 80;
const REWIND = '\r\u001B[2K';

/**
 * Says what the bench does now and for how long it has been at it: on a terminal in one line that
 * is rewritten, elsewhere in lines, one when something begins and one every ten seconds of it.
 */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #isTerminal: boolean;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  #timer: NodeJS.Timeout | undefined;
  #what = '';
  #detail: (() => string) | undefined;
  #beganMs = 0;
  #prefix = '';

  constructor(
    stream: ProgressStream = process.stderr,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#stream = stream;
    this.#isTerminal = stream.isTTY === true;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
  }

  /** Whose turn it is: it stands in front of all that begins from now on. */
  of(whose: string): void {
    this.#prefix = whose === '' ? '' : `${whose}: `;
  }

  /** What was done before is over. `detail` tells how far it is, whenever that is asked. */
  begin(what: string, detail?: () => string): void {
    this.#stop();
    this.#what = `${this.#prefix}${what}`;
    this.#detail = detail;
    this.#beganMs = this.#nowMs();
    this.#draw();
    // The bench ends when nothing else is left to do.
    this.#timer = setInterval(() => this.#draw(), this.#isTerminal ? REWRITE_MS : LINE_MS).unref();
  }

  /** Nothing is under way, and nothing is left of a line that was rewritten. */
  end(): void {
    this.#stop();
    if (this.#isTerminal && this.#what !== '') this.#stream.write(REWIND);
    this.#what = '';
  }

  /** Lets others write, and goes on below what they wrote. */
  beside(write: () => void): void {
    if (this.#isTerminal && this.#what !== '') this.#stream.write(REWIND);
    write();
    if (this.#isTerminal && this.#what !== '') this.#draw();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #draw(): void {
    const nowMs = this.#nowMs();
    const tookSeconds = Math.floor((nowMs - this.#beganMs) / 1000);
    const details = [this.#detail?.() ?? '', tookSeconds === 0 ? '' : `for ${tookSeconds} s`];
    const told = [this.#what, ...details.filter((one) => one !== '')].join(', ');
    const line = `[${clock(nowMs - this.#startMs)}] ${told}`;
    const { columns = COLUMNS } = this.#stream;
    // A line that wraps could not be rewritten.
    this.#stream.write(this.#isTerminal ? REWIND + line.slice(0, columns - 1) : `${line}\n`);
  }
}

/** Minutes and seconds since the start of the bench. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
