import { connect, type Socket } from 'node:net';

/** One HTTP/1.1 answer. Header names are in lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * One kept-alive connection over a bare socket, one request at a time: what a request costs the
 * sender is a `writev` and a look at the answer's head. Knows no chunked answers.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #opened: Promise<void>;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #ended: Error | undefined;

  constructor(url: URL) {
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.once('connect', resolve);
      this.#socket.once('error', reject);
    });
    this.#opened.catch(() => undefined);
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('the connection was closed')));
  }

  /** Whether another request can be sent. */
  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** `head` ends with the empty line. Rejects when no whole answer came: then nothing is known. */
  async send(head: Uint8Array, body: Uint8Array, timeoutMs: number): Promise<Answer> {
    await this.#opened;
    if (this.#ended !== undefined) throw this.#ended;
    return await new Promise<Answer>((resolve, reject) => {
      const late = setTimeout(
        () => this.#socket.destroy(new Error(`no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#waiting = {
        resolve: (answer) => {
          clearTimeout(late);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(late);
          reject(error);
        },
      };
      this.#socket.cork();
      this.#socket.write(head);
      this.#socket.write(body);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const { status, headers } = parseHead(this.#received.toString('latin1', 0, headEnd));
    const bodyStart = headEnd + HEAD_END.length;
    const length = Number(headers.get('content-length') ?? 0);
    if (headers.has('transfer-encoding') || !(length >= 0)) {
      this.#socket.destroy(new Error('the answer is chunked, which this client does not read'));
      return;
    }
    if (this.#received.length < bodyStart + length) return;
    const body = this.#received.toString('utf8', bodyStart, bodyStart + length);
    this.#received = this.#received.subarray(bodyStart + length);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (headers.get('connection') === 'close') this.#socket.destroy();
    waiting?.resolve({ status, headers, body });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

function parseHead(head: string): Pick<Answer, 'status' | 'headers'> {
  const lines = head.split('\r\n');
  const headers = new Map<string, string>();
  for (let i = 1; i < lines.length; i += 1) {
    const line = lines[i]!;
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(lines[0]!.split(' ')[1]), headers };
}
