import { applyRules } from '@millrace/control';
import { systemClock } from '@millrace/runtime';
import { TOPIC_CONTROL, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { describe, expect, it } from 'vitest';
import type { RulesAnswer, RulesChangeAnswer } from '../rules/rules-answer.ts';
import { barriersOf, beginRules } from '../testing/begin-rules.ts';
import type { StartedReceiver } from '../testing/start-receiver.ts';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const PATH = '/api/v1/rules';

const rule = (name: string, more = 'widths: [10s], aggregates: [sum]'): string =>
  `  - {name: ${name}, match: '${name}_total{job="x"}', ${more}}\n`;
const A = `rules:\n${rule('a')}`;
const NOT_RAW = 'without: [pod], widths: [1m, 1h], aggregates: [rate], keep_raw: false';
const AB = `# two\n${A}${rule('b', NOT_RAW)}`;
const A2 = `rules:\n${rule('a', 'by: [job], widths: [30s], aggregates: [sum]')}`;

async function read(url: string, query = ''): Promise<RulesAnswer> {
  const response = await fetch(`${url}${PATH}${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as RulesAnswer;
}

async function post(
  { post: send }: StartedReceiver,
  body: NonNullable<RequestInit['body']>,
  query = '',
): Promise<Response> {
  return await send(`${PATH}${query}`, body, { 'content-type': 'application/yaml' });
}

async function applied(one: StartedReceiver, source: string, query = '') {
  const response = await post(one, source, query);
  expect(response.status).toBe(200);
  return (await response.json()) as RulesChangeAnswer;
}

async function ends({ stream }: { stream: Stream }): Promise<number[]> {
  const { end } = await stream.bounds(TOPIC_CONTROL, 0);
  const all = [end];
  for (let p = 0; p < stream.partitions; p += 1) {
    all.push((await stream.bounds(TOPIC_EVENTS, p)).end);
  }
  return all;
}

describe('GET /api/v1/rules', () => {
  it('shows the rules in force, for people and as the log has them', async () => {
    const { url, stream } = await start();
    const inForce = await beginRules(stream, AB);
    const answer = await read(url);
    const [rollup, a, b] = inForce.rules.rules;
    expect(answer).toMatchObject({
      version: inForce.number,
      newest: inForce.number,
      applied: new Date(inForce.appliedAtUs / 1000).toISOString(),
      partitions: 4,
      foldVersion: 1,
      settings: { latenessUs: 60_000_000 },
      source: AB,
      compiled: inForce.rules,
      versionsLeftOut: 0,
    });
    expect(answer.rules).toEqual([
      expect.objectContaining({ name: 'rollup', edition: rollup?.edition, match: '{}' }),
      {
        name: 'a',
        edition: a?.edition,
        match: 'a_total{job="x"}',
        widths: ['10s'],
        aggregates: ['sum'],
        keep_raw: true,
      },
      {
        name: 'b',
        edition: b?.edition,
        match: 'b_total{job="x"}',
        without: ['pod'],
        widths: ['1m', '1h'],
        aggregates: ['rate'],
        keep_raw: false,
      },
    ]);
    expect(answer.versions).toEqual([
      {
        version: inForce.number,
        applied: answer.applied,
        added: ['rollup', 'a', 'b'],
        changed: [],
        removed: [],
        settings: [],
        foldVersion: null,
        retention: false,
      },
    ]);
  });

  it('lists every version with what it changed, and shows each by its number', async () => {
    const one = await start();
    const first = await beginRules(one.stream, A);
    const second = await applied(one, AB);
    const third = await applied(one, A2);
    const { versions, version } = await read(one.url);
    expect(version).toBe(third.version);
    expect(versions).toMatchObject([
      { version: third.version, added: [], changed: ['rollup', 'a'], removed: ['b'] },
      { version: second.version, added: ['b'], changed: ['rollup'], removed: [] },
      { version: first.number, added: ['rollup', 'a'] },
    ]);
    const older = await read(one.url, `?version=${second.version}`);
    expect(older).toMatchObject({ version: second.version, newest: version, source: AB });
    expect(older.rules.map(({ name }) => name).sort()).toEqual(['a', 'b', 'rollup']);
    expect(older.versions).toEqual(versions);
  });

  it('tells settings and fold versions that a version changed', async () => {
    const { url, stream } = await start();
    const { rules, settings } = await beginRules(stream);
    const change = { rules, source: '', foldVersion: 2, settings: { ...settings, retainUs: 1 } };
    await applyRules({ stream, clock: systemClock }, change);
    const { versions, foldVersion } = await read(url);
    expect(foldVersion).toBe(2);
    expect(versions[0]).toMatchObject({
      added: [],
      changed: [],
      removed: [],
      settings: ['retainUs'],
      foldVersion: { from: 1, to: 2 },
    });
  });

  it('says 404 for a version that never was, and 400 for what is no number', async () => {
    const { url, stream } = await start();
    const { number } = await beginRules(stream);
    const missing = await fetch(`${url}${PATH}?version=7`);
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({
      code: 'no_such_version',
      detail: expect.stringContaining(`the newest is ${number}`),
      remedy: expect.stringContaining('rules list --versions'),
    });
    const wrong = await fetch(`${url}${PATH}?version=new`);
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ code: 'invalid_parameter' });
  });

  it('says what is to be done when there is no log yet', async () => {
    const { url } = await start();
    const response = await fetch(url + PATH);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBeNull();
    expect(await response.json()).toMatchObject({
      code: 'control_not_begun',
      remedy: expect.stringContaining('millrace setup'),
    });
  });
});

describe('POST /api/v1/rules', () => {
  it('brings rules into force and tells every partition', async () => {
    const one = await start();
    const before = await beginRules(one.stream, A);
    const answer = await applied(one, AB);
    expect(answer.changed).toBe(true);
    const { rules, ...shown } = await read(one.url);
    expect(shown).toMatchObject({ version: answer.version, source: AB });
    const [rollup, a, b] = ['rollup', 'a', 'b'].map((name) => {
      return rules.find((shownRule) => shownRule.name === name);
    });
    expect(answer.plan).toEqual({
      added: [b],
      changed: [
        {
          rule: 'rollup',
          from: expect.objectContaining({ edition: before.rules.rules[0]?.edition }),
          to: rollup,
        },
      ],
      removed: [],
      unchanged: [a],
      settings: [],
      foldVersion: null,
      retention: false,
    });
    expect(a?.edition).toBe(before.rules.rules[1]?.edition);
    expect(answer.barriers).toEqual([1, 1, 1, 1]);
    const barriers = await barriersOf(one.stream);
    expect(barriers.flat()).toHaveLength(4);
    for (const barrier of barriers.flat()) {
      expect(barrier).toMatchObject({ number: answer.version, after: before.number });
      expect(barrier.rules).toEqual(shown.compiled);
    }
  });

  it('changes nothing the second time, but tells the partitions again', async () => {
    const one = await start();
    await beginRules(one.stream);
    const first = await applied(one, A);
    const again = await applied(one, `# the same\n${A}`);
    expect(again).toMatchObject({ changed: false, version: first.version, barriers: [3, 3, 3, 3] });
    expect(again.plan.unchanged.map(({ name }) => name)).toEqual(['rollup', 'a']);
    expect((await read(one.url)).source).toBe(A);
  });

  it('only tells the plan when asked so', async () => {
    const one = await start();
    const { number } = await beginRules(one.stream, AB);
    const before = await ends(one);
    const planned = await applied(one, A2, '?plan=true');
    expect(planned).toMatchObject({ changed: true, version: number, barriers: [] });
    const { changed, removed } = planned.plan;
    expect(changed.map(({ rule: name }) => name)).toEqual(['rollup', 'a']);
    expect(changed[1]?.from).toMatchObject({ edition: expect.any(Number), widths: ['10s'] });
    expect(changed[1]?.to).toMatchObject({ by: ['job'], widths: ['30s'] });
    expect(changed[1]?.to).not.toHaveProperty('edition');
    expect(removed.map(({ name }) => name)).toEqual(['b']);
    expect(await ends(one)).toEqual(before);
    expect((await post(one, A2, '?plan=false')).status).toBe(200);
    expect(await ends(one)).not.toEqual(before);
    expect((await post(one, A2, '?plan=yes')).status).toBe(400);
  });

  it('takes JSON, and an empty file for the built-in roll-up alone', async () => {
    const one = await start();
    await beginRules(one.stream, A);
    const json = { rules: [{ name: 'j', match: 'j', widths: ['1m'], aggregates: ['sum'] }] };
    const response = await one.post(PATH, JSON.stringify(json), {
      'content-type': 'application/json; charset=utf-8',
    });
    expect(await response.json()).toMatchObject({ plan: { added: [{ name: 'j' }] } });
    const empty = await applied(one, '');
    expect(empty.plan.removed.map(({ name }) => name)).toEqual(['j']);
    expect((await read(one.url)).rules.map(({ name }) => name)).toEqual(['rollup']);
  });

  it('tells every fault of a file, and changes nothing', async () => {
    const one = await start();
    await beginRules(one.stream);
    const before = await ends(one);
    const file = `rules:\n${rule('a').replace('sum', 'smu').replace('10s', '10x')}`;
    const response = await post(one, file);
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      code: 'invalid_rules',
      detail: expect.stringMatching(/^line 2, column \d+: .*, and 1 more$/),
      problems: [
        { line: 2, column: expect.any(Number), code: 'RULES_BAD_DURATION' },
        {
          line: 2,
          code: 'RULES_UNKNOWN_AGGREGATE',
          message: expect.stringContaining('smu'),
          remedy: 'Did you mean sum?',
        },
      ],
    });
    expect((await post(one, new Uint8Array([0x72, 0xff]))).status).toBe(400);
    expect(await ends(one)).toEqual(before);
  });

  it('refuses files beyond the bounds', async () => {
    const one = await start();
    await beginRules(one.stream);
    const tooLarge = await post(one, `# ${'x'.repeat(1_048_576)}`);
    expect(tooLarge.status).toBe(413);
    expect(await tooLarge.json()).toMatchObject({ code: 'body_too_large' });
    const file = `# ${'x'.repeat(1_000_000)}\n${A}`;
    for (const query of ['', '?plan=true']) {
      const response = await post(one, file, query);
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({ code: 'rules_too_big' });
    }
    expect((await read(one.url)).versions).toHaveLength(1);
  });

  it('takes no type that a page of another origin could send unasked', async () => {
    const one = await start();
    await beginRules(one.stream);
    for (const type of [
      undefined,
      'text/plain',
      'application/x-www-form-urlencoded',
      'text/yaml',
    ]) {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
      const body = new Blob([A]);
      const response = await fetch(one.url + PATH, { method: 'POST', body, headers });
      expect(response.status).toBe(415);
      expect(await response.json()).toMatchObject({ code: 'unsupported_media_type' });
    }
    const packed = await one.post(PATH, A, {
      'content-type': 'application/yaml',
      'content-encoding': 'gzip',
    });
    expect(packed.status).toBe(415);
    expect(await packed.json()).toMatchObject({ code: 'unsupported_encoding' });
    const preflight = await fetch(one.url + PATH, {
      method: 'OPTIONS',
      headers: { origin: 'http://elsewhere', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(405);
    expect(
      [...preflight.headers.keys()].filter((name) => name.startsWith('access-control')),
    ).toEqual([]);
    expect((await read(one.url)).versions).toHaveLength(1);
  });
});
