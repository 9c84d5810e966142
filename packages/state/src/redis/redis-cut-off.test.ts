import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { openRedisStateStore } from './redis-state-store.ts';
import { recordingLog } from './testing/recording-log.ts';

const DENIED = '-DENIED Redis is running in protected mode\r\n';

test('a server that cuts connections off at once is told apart from one that is away', async () => {
  // As Redis in protected mode does to whoever is not on its own machine.
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(DENIED, () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { log, lines } = recordingLog();
  const store = openRedisStateStore({
    log,
    url: `redis://127.0.0.1:${port}`,
    settings: { connectMsMax: 300, reconnectMsMax: 50 },
  });
  try {
    await expect(store.load(0)).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('cut off before anything was answered') as string,
    });
    await expect(store.load(0)).rejects.toMatchObject({ code: 'STATE_UNREACHABLE' });
    // However often it was tried.
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
  } finally {
    await store.close();
    server.close();
  }
});
