import { expect, it } from 'vitest';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();

it.each([
  // What `curl -d` names by itself.
  ['application/x-www-form-urlencoded', `curl says so unless it is told; add -H 'Content-Type: `],
  ['text/plain; charset=utf-8', `add -H 'Content-Type: application/json'`],
  ['application/x-protobuf', 'remote write goes to POST /api/v1/write'],
])('says what to do about the type %s', async (type, hint) => {
  const { url } = await start();
  const body = '{"name":"a","value":1}';
  const headers = { 'content-type': type };
  const response = await fetch(`${url}/v1/events`, { method: 'POST', body, headers });
  expect(response.status).toBe(415);
  expect(await response.json()).toMatchObject({
    code: 'unsupported_media_type',
    detail: expect.stringContaining(hint) as string,
  });
});

it('says where JSON goes that came to remote write', async () => {
  const { url } = await start();
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/api/v1/write`, { method: 'POST', body: '{}', headers });
  expect(response.status).toBe(415);
  expect(await response.json()).toMatchObject({
    detail: 'the content type is "application/json": JSON goes to POST /v1/events',
  });
});
