import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { choosePort } from './choose-port.ts';

const host = '127.0.0.1';
let taken: Server;
let takenPort: number;

beforeEach(async () => {
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, host, resolve));
  takenPort = (taken.address() as AddressInfo).port;
});
afterEach(async () => {
  await new Promise((resolve) => taken.close(resolve));
});

test('a busy port that was asked for is refused with its number', async () => {
  await expect(choosePort({ host, port: takenPort })).rejects.toMatchObject({
    code: 'PORT_BUSY',
    message: expect.stringContaining(String(takenPort)),
  });
});

test('a busy usual port gives the next free one', async () => {
  const port = await choosePort({ host, port: undefined, usualPort: takenPort });
  expect(port).toBeGreaterThan(takenPort);
  expect(port).toBeLessThan(takenPort + 100);
});

test('port 0 stays 0: the system picks', async () => {
  expect(await choosePort({ host, port: 0 })).toBe(0);
});

test('an address of another machine is a fault of the configuration', async () => {
  await expect(choosePort({ host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
    code: 'CONFIG_HOST',
  });
});
