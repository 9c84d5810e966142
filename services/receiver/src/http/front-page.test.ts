import { expect, it } from 'vitest';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();

it('gives a page to a browser, and all that the page names', async () => {
  const { url } = await start();
  const headers = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
  const response = await fetch(url, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
  const page = await response.text();
  const named = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path!);
  expect(named).toContain('/front.js');
  // Without a store the ledger is not here, and says so.
  const answers = await Promise.all(named.map(async (path) => (await fetch(url + path)).status));
  expect(Object.fromEntries(named.map((path, i) => [path, answers[i]]))).toEqual({
    '/front.js': 200,
    '/readyz': 200,
    '/metrics': 200,
    '/api/v1/status': 200,
    '/api/v1/ledger': 501,
  });
  const script = await (await fetch(`${url}/front.js`)).text();
  // Where the script puts something the page has a place for it, and what came is never markup.
  const places = [...script.matchAll(/element\('([a-z]+)'\)/g)].map(([, id]) => id!);
  expect(places.length).toBeGreaterThan(5);
  for (const id of places) expect(page).toContain(`id="${id}"`);
  expect(script).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write/);
});

it('tells a program where it should have gone', async () => {
  const { url } = await start();
  const response = await fetch(url);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({
    code: 'not_found',
    detail: expect.stringContaining('a browser gets a page') as string,
  });
});
