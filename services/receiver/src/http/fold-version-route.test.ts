import { describe, expect, it } from 'vitest';
import type { RulesAnswer, RulesChangeAnswer } from '../rules/rules-answer.ts';
import { beginRules } from '../testing/begin-rules.ts';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const PATH = '/api/v1/rules/fold-version';
const JSON_TYPE = { 'content-type': 'application/json' };

describe('POST /api/v1/rules/fold-version', () => {
  it('brings another one into force with the rules as they are, or only tells', async () => {
    const { url, stream, post } = await start({ partitions: 2 });
    await beginRules(stream, 'rules:\n  - {name: a, match: m, widths: [1m], aggregates: [sum]}\n');
    const read = async (): Promise<RulesAnswer> =>
      (await (await fetch(`${url}/api/v1/rules`)).json()) as RulesAnswer;
    const before = await read();
    const change = async (query = ''): Promise<RulesChangeAnswer> => {
      const answer = await post(PATH + query, '{"version": 2}', JSON_TYPE);
      expect(answer.status).toBe(200);
      return (await answer.json()) as RulesChangeAnswer;
    };
    const foldVersion = { from: 1, to: 2 };
    const planned = await change('?plan=true');
    expect(planned).toMatchObject({ changed: true, barriers: [], plan: { foldVersion } });
    expect((await read()).foldVersion).toBe(1);
    const changed = await change();
    expect(changed).toMatchObject({ changed: true, plan: { foldVersion, added: [], changed: [] } });
    expect(changed.barriers).toHaveLength(2);
    const { foldVersion: inForce, rules, source } = await read();
    expect({ inForce, rules, source }).toEqual({
      inForce: 2,
      rules: before.rules,
      source: before.source,
    });
    expect(await change()).toMatchObject({ changed: false });
  });

  it('refuses what is no version, and one that this release does not have', async () => {
    const { stream, post } = await start();
    await beginRules(stream);
    for (const body of ['', '{}', '2', '{"version": "2"}', '{"version": 1.5}', '[']) {
      const answer = await post(PATH, body, JSON_TYPE);
      expect([body, answer.status]).toEqual([body, 400]);
      expect(await answer.json()).toMatchObject({ code: 'invalid_fold_version' });
    }
    const unknown = await post(PATH, '{"version": 99}', JSON_TYPE);
    expect(unknown.status).toBe(409);
    expect(await unknown.json()).toMatchObject({ code: 'rules_fold_version' });
    expect((await post(PATH, '{"version": 2}', {})).status).toBe(415);
  });
});
