import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a service that a test can break at a chosen moment. */
export interface TcpProxy {
  readonly port: number;
  /** Passes so many more bytes towards the service, of all connections together, then cuts. */
  cutAfterRequestBytes(bytes: number): void;
  /**
   * Cuts as soon as the service answers, and calls `act`: it has done what was asked, and nobody
   * hears of it.
   */
  cutAtAnswer(act?: () => void): void;
  /**
   * Once, when a request with this text comes by: cuts before it is passed on, cuts when it is
   * answered, or calls what is given just after it was passed on.
   */
  atRequest(text: string, act: 'cut' | 'cutAtAnswer' | (() => void)): void;
  /** Whether what `atRequest` waits for has not come by yet. */
  readonly isWatching: boolean;
  /** Cuts every connection now. New ones are let through. */
  cut(): void;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and passes everything on to `port` there. */
export async function startTcpProxy(target: Readonly<{ port: number }>): Promise<TcpProxy> {
  const proxy = new OpenTcpProxy(target.port);
  await proxy.listen();
  return proxy;
}

class OpenTcpProxy implements TcpProxy {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #requestBytes = Infinity;
  /** Called when it cuts at an answer. */
  #atAnswer: (() => void) | undefined;
  #watch: { text: string; act: 'cut' | 'cutAtAnswer' | (() => void) } | undefined;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#join(client));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cutAfterRequestBytes(bytes: number): void {
    this.#requestBytes = bytes;
  }

  cutAtAnswer(act: () => void = () => undefined): void {
    this.#atAnswer = act;
  }

  atRequest(text: string, act: 'cut' | 'cutAtAnswer' | (() => void)): void {
    this.#watch = { text, act };
  }

  get isWatching(): boolean {
    return this.#watch !== undefined;
  }

  cut(): void {
    this.#requestBytes = Infinity;
    this.#atAnswer = undefined;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    const service = connect({ host: '127.0.0.1', port: this.#targetPort });
    for (const [one, other] of [
      [client, service],
      [service, client],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      // Its `close` follows, and that is all there is to do about it.
      one.on('error', () => undefined);
      one.on('drain', () => other.resume());
    }
    client.on('data', (chunk) => this.#passRequest(client, service, chunk));
    service.on('data', (chunk) => {
      const act = this.#atAnswer;
      if (act === undefined) {
        if (!client.write(chunk)) service.pause();
        return;
      }
      this.cut();
      act();
    });
  }

  #passRequest(client: Socket, service: Socket, chunk: Buffer): void {
    if (this.#watch === undefined || !chunk.includes(this.#watch.text, 0, 'latin1')) {
      this.#pass(client, service, chunk);
      return;
    }
    const { act } = this.#watch;
    this.#watch = undefined;
    if (act === 'cut') return this.cut();
    if (act === 'cutAtAnswer') this.cutAtAnswer();
    this.#pass(client, service, chunk);
    if (typeof act === 'function') act();
  }

  #pass(client: Socket, service: Socket, chunk: Buffer): void {
    const passing = chunk.subarray(0, this.#requestBytes);
    this.#requestBytes -= passing.length;
    if (this.#requestBytes > 0) {
      if (!service.write(passing)) client.pause();
      return;
    }
    client.pause();
    service.write(passing, () => this.cut());
  }
}
