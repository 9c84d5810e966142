import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '@millrace/runtime/testing';

/** A port of 127.0.0.1 at which nobody listens until it is opened: a service that comes later. */
export class LatePort {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, target: Readonly<{ host: string; port: number }>) {
    this.port = port;
    this.#server = createServer((client) => {
      const service = connect(target);
      for (const [one, other] of [
        [client, service],
        [service, client],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  /** `service`: `host:port`, or a URL with both. */
  static async of(service: string): Promise<LatePort> {
    const { hostname, port } = new URL(service.includes('://') ? service : `tcp://${service}`);
    return new LatePort(await freePort(), { host: hostname, port: Number(port) });
  }

  /** From now on connections reach the service. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
