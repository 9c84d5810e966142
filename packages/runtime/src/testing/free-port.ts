import { createServer } from 'node:net';

/*
 * Below those that the system gives to connections by itself: a service that was killed must find
 * its port again, and whoever tries to reach it meanwhile must not be connected to himself.
 */
const PORT_MIN = 15_000;
const PORT_MAX = 32_000;
const ATTEMPTS_MAX = 100;

const given = new Set<number>();

/**
 * A port of 127.0.0.1 that nobody listens on now, and another one each time; for programs that
 * cannot tell which one they took.
 */
export async function freePort(): Promise<number> {
  let failure: unknown;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (given.has(port)) continue;
    try {
      await bind(port);
      given.add(port);
      return port;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`no free port from ${PORT_MIN} to ${PORT_MAX}`, { cause: failure });
}

async function bind(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}
