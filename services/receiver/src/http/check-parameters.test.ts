import { expect, it } from 'vitest';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const body = JSON.stringify({ name: 'a', value: 1, time: 1_700_000_000_000 });

it('refuses parameters that a path does not know, with the nearest; takes nothing', async () => {
  const receiver = await start();
  for (const [method, path, detail, remedy] of [
    ['POST', '/v1/events?wiat=stored', /"wiat"; did you mean wait\?/, /Use only wait, timeout/],
    ['POST', '/v1/events?wait=stored&timout=1s', /"timout"; did you mean timeout\?/, /Use only/],
    ['POST', '/v1/batch?tennant=a', /"tennant"; did you mean tenant\?/, /tenant, time_unit, wait/],
    ['POST', '/api/v1/rules?plann=true', /did you mean plan\?/, /Use only plan/],
    ['GET', '/api/v1/rules?plan=true', /^the parameter is "plan"$/, /Use only version/],
    ['GET', '/api/v1/candidates?x', /^the parameter is "x"$/, /takes no parameters/],
    ['GET', '/api/v1/positions?tokn=a', /did you mean token\?/, /Use only token/],
  ] as const) {
    const sent = method === 'POST' ? { method, body } : { method };
    const response = await fetch(receiver.url + path, sent);
    expect({ path, status: response.status }).toEqual({ path, status: 400 });
    expect(await response.json()).toMatchObject({
      code: 'invalid_parameter',
      detail: expect.stringMatching(detail) as string,
      remedy: expect.stringMatching(remedy) as string,
    });
  }
  expect(await receiver.records()).toEqual([]);
});

it('passes over what a proxy or a probe adds', async () => {
  const { url } = await start();
  for (const path of ['/healthz?x=1', '/readyz?verbose', '/metrics?x', '/api/v1/status?x']) {
    expect((await fetch(url + path)).status).toBe(200);
  }
  const answer = await fetch(`${url}/api/v1/write?x=1`, { method: 'POST', body });
  expect(await answer.text()).not.toContain('parameter');
});
