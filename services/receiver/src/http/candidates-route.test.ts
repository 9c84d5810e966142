import { TOPIC_CONTROL } from '@millrace/stream';
import { describe, expect, it } from 'vitest';
import type { CandidateAnswer, CandidatesAnswer } from '../rules/candidates-answer.ts';
import { barriersOf, beginRules } from '../testing/begin-rules.ts';
import { eventually } from '../testing/eventually.ts';
import { closedGate } from '../testing/gated-producer.ts';
import type { StartedReceiver } from '../testing/start-receiver.ts';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const PATH = '/api/v1/candidates';
const A = 'rules:\n  - {name: a, match: m, widths: [10s], aggregates: [sum]}\n';
const B = '# other\nrules:\n  - {name: a, match: m, widths: [30s], aggregates: [sum, max]}\n';
const REHEARSED = { rehearsed: true };
const SINCE_US = 1_700_000_000_000_000;
const SINCE = '2023-11-14T22:13:20.000Z';

async function read({ url }: StartedReceiver): Promise<CandidatesAnswer> {
  const response = await fetch(url + PATH);
  expect(response.status).toBe(200);
  return (await response.json()) as CandidatesAnswer;
}

async function begin(one: StartedReceiver, source = B, query = `?since_us=${SINCE_US}`) {
  return await one.post(`${PATH}${query}`, source, { 'content-type': 'application/yaml' });
}

async function begun(one: StartedReceiver): Promise<number> {
  const response = await begin(one);
  expect(response.status).toBe(200);
  return ((await response.json()) as CandidateAnswer).candidate!.number;
}

async function tell(one: StartedReceiver, path: string, body: unknown = {}): Promise<Response> {
  const json = { 'content-type': 'application/json' };
  return await one.post(`${PATH}/${path}`, JSON.stringify(body), json);
}

async function problemOf(response: Response) {
  return { status: response.status, ...((await response.json()) as Record<string, unknown>) };
}

describe('POST /api/v1/candidates', () => {
  it('folds rules beside those in force, and tells every partition', async () => {
    const one = await start();
    const inForce = await beginRules(one.stream, A);
    expect(await read(one)).toMatchObject({ candidates: [], candidatesMax: 2, partitions: 4 });
    const answer = (await (await begin(one)).json()) as CandidateAnswer;
    expect(answer).toMatchObject({ barriers: [1, 1, 1, 1], candidate: { since: SINCE } });
    const { inForce: shown, candidates } = await read(one);
    expect(shown).toMatchObject({ version: answer.version, source: A, candidate: null });
    expect(shown.rules.map(({ edition }) => edition)).toEqual(
      inForce.rules.rules.map(({ edition }) => edition),
    );
    expect(candidates).toEqual([answer.candidate]);
    expect(candidates[0]).toMatchObject({
      ...{ number: answer.version, source: B, begun: shown.applied },
      jobs: { paused: false, samplesPerSecond: null },
    });
    expect(candidates[0]?.rules).toContainEqual(
      expect.objectContaining({ name: 'a', widths: ['30s'], edition: expect.any(Number) }),
    );
    for (const barriers of await barriersOf(one.stream)) {
      expect(barriers.at(-1)?.candidates).toMatchObject([{ number: answer.version }]);
    }
    expect(await one.meter.exposition()).toContain(
      'millrace_receiver_candidates_changed_total{change="begun"} 1',
    );
  });

  it('bounds what its jobs fold from the start on, in the record that begins it', async () => {
    const one = await start();
    await beginRules(one.stream, A);
    const endOf = async () => (await one.stream.bounds(TOPIC_CONTROL, 0)).end;
    const ends = [await endOf()];
    await begun(one);
    ends.push(await endOf());
    const query = `?since_us=${SINCE_US}&samples_per_second=250`;
    const { candidate } = (await (await begin(one, B, query)).json()) as CandidateAnswer;
    expect(candidate!.jobs).toEqual({ paused: false, samplesPerSecond: 250 });
    // As many records as without: nobody sees rules whose jobs are not bounded yet.
    expect(await endOf()).toBe(2 * ends[1]! - ends[0]!);
    await tell(one, `${candidate!.number}/jobs`, { samplesPerSecond: null });
    const { jobs } = (await read(one)).candidates[1]!;
    expect(jobs).toEqual({ paused: false, samplesPerSecond: null });
  });

  it('tells what is wrong, and changes nothing', async () => {
    const one = await start();
    await beginRules(one.stream, A);
    const { end } = await one.stream.bounds(TOPIC_CONTROL, 0);
    expect(await problemOf(await begin(one, B.replace('sum', 'smu')))).toMatchObject({
      ...{
        status: 422,
        code: 'invalid_rules',
        detail: expect.stringMatching(/^line 3, column \d/),
      },
      problems: [{ line: 3, column: expect.any(Number), code: 'RULES_UNKNOWN_AGGREGATE' }],
    });
    const future = `?since_us=${(Date.now() + 60_000) * 1000}`;
    expect(await problemOf(await begin(one, B, future))).toMatchObject({
      ...{ status: 422, code: 'reprocess_since', detail: expect.stringContaining('in the future') },
      remedy: expect.stringContaining('--since 2h'),
    });
    const rates = ['0', '-1', '1e3', 'fast', ''].map(
      (one) => `?since_us=0&samples_per_second=${one}`,
    );
    for (const query of ['', '?since_us=2h', '?since_us=-1', `?since_us=${2 ** 53}`, ...rates]) {
      const wrong = await problemOf(await begin(one, B, query));
      expect(wrong).toMatchObject({ status: 400, code: 'invalid_parameter' });
    }
    const text = await one.post(`${PATH}?since_us=0`, B, { 'content-type': 'text/plain' });
    expect(text.status).toBe(415);
    const tooLarge = await begin(one, `# ${'x'.repeat(1_048_576)}`);
    expect(tooLarge.status).toBe(413);
    expect((await one.stream.bounds(TOPIC_CONTROL, 0)).end).toBe(end);
  });

  it('is refused when there are as many as may be', async () => {
    const one = await start();
    await beginRules(one.stream, A);
    await begun(one);
    await begun(one);
    expect(await problemOf(await begin(one))).toMatchObject({
      ...{ status: 409, code: 'candidates_full', remedy: expect.stringContaining('edition drop') },
    });
  });

  it('is the only change of its process', async () => {
    const gate = closedGate();
    const one = await start({ wrapProducer: gate.wrap });
    await beginRules(one.stream, A);
    const first = begin(one);
    await eventually(() => gate.waiting > 0);
    expect(await problemOf(await begin(one))).toMatchObject({ status: 409, code: 'rules_busy' });
    gate.open();
    expect((await first).status).toBe(200);
  });

  it('says what is to be done when there is no log yet', async () => {
    const one = await start();
    expect(await problemOf(await begin(one))).toMatchObject({ code: 'control_not_begun' });
    expect((await fetch(one.url + PATH)).status).toBe(503);
  });
});

describe('POST /api/v1/candidates/NUMBER/…', () => {
  it('changes places with the rules in force, and back, as often as it is said', async () => {
    const one = await start();
    await beginRules(one.stream, A);
    const number = await begun(one);
    for (const _ of [1, 2]) {
      const response = await tell(one, `${number}/promote`, REHEARSED);
      expect(response.status).toBe(200);
      const { inForce, candidates } = await read(one);
      expect(inForce).toMatchObject({ source: B, candidate: number });
      expect(candidates).toMatchObject([{ source: A, since: null, begun: null }]);
    }
    const { candidates } = await read(one);
    const kept = candidates[0]!.number;
    expect(kept).not.toBe(number);
    expect(await problemOf(await tell(one, `${number}/drop`))).toMatchObject({
      ...{ status: 409, code: 'candidate_in_force' },
    });
    expect((await tell(one, `${kept}/promote`, REHEARSED)).status).toBe(200);
    const back = await read(one);
    expect(back.inForce).toMatchObject({ source: A, candidate: kept });
    expect(back.candidates).toMatchObject([{ number, source: B }]);
    for (const _ of [1, 2]) expect((await tell(one, `${number}/drop`)).status).toBe(200);
    expect((await read(one)).candidates).toEqual([]);
  });

  it('promotes nothing that the store was not asked about', async () => {
    const one = await start();
    await beginRules(one.stream, A);
    const number = await begun(one);
    for (const body of [{}, { rehearsed: false }, { rehearsed: 'true' }]) {
      expect(await problemOf(await tell(one, `${number}/promote`, body))).toMatchObject({
        ...{ status: 409, code: 'promotion_not_rehearsed' },
        remedy: expect.stringContaining('millrace edition promote NUMBER'),
      });
    }
    expect((await read(one)).inForce.candidate).toBeNull();
  });

  it('says how its jobs are to go on', async () => {
    const one = await start();
    await beginRules(one.stream, A);
    const number = await begun(one);
    const order = async (body: unknown) => await tell(one, `${number}/jobs`, body);
    const paused = await order({ paused: true });
    expect(await paused.json()).toEqual({ paused: true, samplesPerSecond: null });
    await order({ samplesPerSecond: 1000 });
    expect((await read(one)).candidates[0]?.jobs).toEqual({ paused: true, samplesPerSecond: 1000 });
    await order({ samplesPerSecond: null, paused: false });
    expect((await read(one)).candidates[0]?.jobs).toEqual({
      paused: false,
      samplesPerSecond: null,
    });
    for (const body of [{}, [], 1, { paused: 1 }, { samplesPerSecond: 0 }, { rate: 1 }]) {
      expect(await problemOf(await order(body))).toMatchObject({ code: 'invalid_order' });
    }
  });

  it('is refused for what is no candidate, and without its type', async () => {
    const one = await start();
    await beginRules(one.stream, A);
    for (const path of ['7/promote', '7/drop', 'x/promote']) {
      expect(await problemOf(await tell(one, path, REHEARSED))).toMatchObject({
        ...{ status: 404, code: 'candidate_unknown' },
        remedy: expect.stringContaining('edition list'),
      });
    }
    const jobs = await problemOf(await tell(one, '7/jobs', { paused: true }));
    expect(jobs).toMatchObject({ status: 404, code: 'candidate_unknown' });
    const number = await begun(one);
    expect((await one.post(`${PATH}/${number}/drop`, '{}')).status).toBe(415);
    const wrong = await fetch(`${one.url}${PATH}/${number}/drop`);
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('POST');
    expect((await fetch(`${one.url}${PATH}/${number}/other`)).status).toBe(404);
    expect((await read(one)).candidates).toHaveLength(1);
  });
});
