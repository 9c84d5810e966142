import { createServer } from 'node:net';
import { MillraceError } from '../errors.ts';

/** Where people look for us first. */
export const USUAL_PORT = 9480;
/** How many ports after the usual one are tried. */
const ATTEMPTS_MAX = 100;

/**
 * The port to listen on: the one asked for, which must be free; else the usual one or, when
 * something listens there already, the next free one after it.
 *
 * @throws MillraceError PORT_BUSY; CONFIG_HOST when the address is none of this machine.
 */
export async function choosePort(
  params: Readonly<{ host: string; port: number | undefined; usualPort?: number }>,
): Promise<number> {
  const { host, port, usualPort = USUAL_PORT } = params;
  if (port !== undefined) {
    if (await isFree(host, port)) return port;
    throw busy(host, `${port}`, 'Stop what listens there, choose another with --port or PORT, or');
  }
  for (let next = usualPort; next < usualPort + ATTEMPTS_MAX; next += 1) {
    if (await isFree(host, next)) return next;
  }
  throw busy(host, `${usualPort} to ${usualPort + ATTEMPTS_MAX - 1}`, 'Choose one with --port, or');
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(cannotListen(host, port, error));
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): MillraceError {
  return new MillraceError({
    code: 'CONFIG_HOST',
    kind: 'permanent',
    message: `Cannot listen on ${host}, port ${port} (${cause.code ?? cause.message}).`,
    remedy: 'Name an address of this machine with --host, and a port this user may listen on.',
    cause,
  });
}

export function busy(host: string, ports: string, remedy: string): MillraceError {
  return new MillraceError({
    code: 'PORT_BUSY',
    kind: 'permanent',
    message: `Port ${ports} of ${host} is in use by another process. Nothing was started.`,
    remedy: `${remedy} leave the port away to take the next free one after ${USUAL_PORT}.`,
  });
}

/** Where this machine's programs reach it: an address that stands for all is none to connect to. */
export function urlOf({ host, port }: Readonly<{ host: string; port: number }>): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
