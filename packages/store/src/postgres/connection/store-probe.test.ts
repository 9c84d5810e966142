import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { StoreErrorCode } from '../../store-error.ts';
import { createStoreProbe, type StoreProbe } from './store-probe.ts';

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

/** Takes connections and never says a word, as a server does whose processes stand still. */
async function silentServer(): Promise<{ probe: StoreProbe; port: number }> {
  const sockets = new Set<{ destroy(): void }>();
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  ending.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  const { port } = server.address() as AddressInfo;
  return { probe: probeOf(port), port };
}

function probeOf(port: number): StoreProbe {
  return createStoreProbe({ url: `postgres://somebody@127.0.0.1:${port}/millrace` });
}

const UNREACHABLE = { code: StoreErrorCode.unreachable, kind: 'transient' };

test('a question to a silent server ends by itself, and so does the next one', async () => {
  const { probe } = await silentServer();
  const startedMs = performance.now();
  await expect(probe.ask()).rejects.toMatchObject(UNREACHABLE);
  expect(performance.now() - startedMs).toBeGreaterThan(4000);
  const again = probe.ask();
  // Whoever stops waits for nobody.
  probe.close();
  await expect(again).rejects.toMatchObject(UNREACHABLE);
}, 30_000);

test('where nobody listens that is told at once', async () => {
  const { port } = await silentServer();
  for (const end of ending.splice(0)) await end();
  await expect(probeOf(port).ask()).rejects.toMatchObject(UNREACHABLE);
});
