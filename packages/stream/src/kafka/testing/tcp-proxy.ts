import { createServer, connect, type Server, type Socket } from 'node:net';

/** Stands between a client and a broker, and can be a bad network. */
export interface TcpProxy {
  readonly port: number;
  /** Answers get through, or are swallowed while requests still arrive. */
  swallowAnswers(swallow: boolean): void;
  /** Bytes of answers that were swallowed so far. */
  readonly swallowed: number;
  /** Cuts every connection now. */
  cut(): void;
  /** Takes connections, or refuses them. */
  refuse(refuse: boolean): void;
  close(): Promise<void>;
}

export async function startTcpProxy(
  params: Readonly<{ port: number; targetPort: number }>,
): Promise<TcpProxy> {
  const pairs = new Set<Socket>();
  const state = { swallow: false, refuse: false, swallowed: 0 };
  const server: Server = createServer((client) => {
    if (state.refuse) {
      client.destroy();
      return;
    }
    const broker = connect({ host: '127.0.0.1', port: params.targetPort, noDelay: true });
    client.setNoDelay(true);
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      pairs.add(from);
      from.on('data', (bytes) => {
        if (from === broker && state.swallow) state.swallowed += bytes.length;
        else to.write(bytes);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        pairs.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(params.port, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of pairs) socket.destroy();
  };
  return {
    port: params.port,
    swallowAnswers: (swallow) => void (state.swallow = swallow),
    get swallowed() {
      return state.swallowed;
    },
    cut,
    refuse: (refuse) => void (state.refuse = refuse),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
