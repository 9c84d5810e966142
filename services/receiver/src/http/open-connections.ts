import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server, and which of them have a request under way. Node's own list counts
 * a connection that has never sent a byte as busy, and would hold up a stop for it.
 */
export class OpenConnections {
  readonly #requests = new Map<Socket, number>();
  #stopping = false;

  constructor(server: Server) {
    server.on('connection', (socket) => {
      if (this.#stopping) {
        socket.destroy();
        return;
      }
      this.#requests.set(socket, 0);
      socket.once('close', () => this.#requests.delete(socket));
    });
    server.on('request', (request, response) => {
      const { socket } = request;
      this.#count(socket, 1);
      response.once('close', () => this.#count(socket, -1));
    });
  }

  /** Closes those that no request is under way on, and from now on every new one. */
  stop(): void {
    this.#stopping = true;
    for (const [socket, requests] of this.#requests) if (requests === 0) socket.destroy();
  }

  #count(socket: Socket, change: number): void {
    const requests = this.#requests.get(socket);
    if (requests !== undefined) this.#requests.set(socket, requests + change);
  }
}
