import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

describe('TcpProxy', () => {
  let service: Server;
  let received: string;
  let proxy: TcpProxy;
  const clients: Socket[] = [];
  beforeEach(async () => {
    received = '';
    // Answers each chunk with its letters in upper case.
    service = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        received += chunk.toString();
        socket.write(chunk.toString().toUpperCase());
      });
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    proxy = await startTcpProxy({ port: (service.address() as AddressInfo).port });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.close();
    await new Promise((resolve) => service.close(resolve));
  });

  const open = async (): Promise<Socket> => {
    const client = connect({ host: '127.0.0.1', port: proxy.port });
    client.on('error', () => undefined);
    clients.push(client);
    await once(client, 'connect');
    return client;
  };
  const closed = (client: Socket): Promise<void> =>
    new Promise((resolve) => client.once('close', () => resolve()));
  const ask = async (client: Socket, text: string): Promise<string> => {
    client.write(text);
    return (await once(client, 'data')).toString();
  };

  test('passes both ways', async () => {
    expect(await ask(await open(), 'hello')).toBe('HELLO');
  });

  test('cuts in the middle of a request, and lets new connections through', async () => {
    const client = await open();
    proxy.cutAfterRequestBytes(3);
    client.write('hello');
    await closed(client);
    await expect.poll(() => received).toBe('hel');
    expect(await ask(await open(), 'again')).toBe('AGAIN');
  });

  test('cuts before it passes a request on, once', async () => {
    proxy.atRequest('STOP', 'cut');
    const client = await open();
    expect(await ask(client, 'go')).toBe('GO');
    expect(proxy.isWatching).toBe(true);
    client.write('please STOP');
    await closed(client);
    expect(received).toBe('go');
    expect(await ask(await open(), 'STOP')).toBe('STOP');
  });

  test('cuts at the answer to a request', async () => {
    proxy.atRequest('STOP', 'cutAtAnswer');
    const client = await open();
    let heard = '';
    client.on('data', (chunk) => (heard += chunk.toString()));
    client.write('STOP');
    await closed(client);
    expect([received, heard]).toEqual(['STOP', '']);
  });

  test('calls back when it has passed a request on', async () => {
    let calls = 0;
    proxy.atRequest('NOW', () => (calls += 1));
    const client = await open();
    await ask(client, 'NOW');
    await ask(client, 'NOW');
    expect(calls).toBe(1);
  });

  test('cuts when the service has answered, before anybody hears of it', async () => {
    const client = await open();
    let heard = '';
    client.on('data', (chunk) => (heard += chunk.toString()));
    let calls = 0;
    proxy.cutAtAnswer(() => (calls += 1));
    client.write('hello');
    await closed(client);
    expect([received, heard, calls]).toEqual(['hello', '', 1]);
    expect(await ask(await open(), 'again')).toBe('AGAIN');
  });
});
