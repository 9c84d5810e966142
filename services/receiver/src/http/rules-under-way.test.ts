import { TOPIC_CONTROL, TOPIC_EVENTS, type Producer } from '@millrace/stream';
import { systemClock } from '@millrace/runtime';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { describe, expect, it } from 'vitest';
import type { RulesAnswer, RulesChangeAnswer } from '../rules/rules-answer.ts';
import { barriersOf, beginRules } from '../testing/begin-rules.ts';
import { eventually } from '../testing/eventually.ts';
import { closedGate } from '../testing/gated-producer.ts';
import { logUnavailable, type StartedReceiver } from '../testing/start-receiver.ts';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const PATH = '/api/v1/rules';
const file = (name: string): string =>
  `rules:\n  - {name: ${name}, match: m, widths: [10s], aggregates: [sum]}\n`;

async function apply({ post }: StartedReceiver, source: string): Promise<Response> {
  return await post(PATH, source, { 'content-type': 'application/yaml' });
}

async function rulesOf({ url }: StartedReceiver): Promise<RulesAnswer> {
  return (await (await fetch(url + PATH)).json()) as RulesAnswer;
}

describe('a change of rules', () => {
  it('that could not tell every partition is completed by the next apply', async () => {
    let broken = true;
    const refusing = (producer: Producer): Producer => ({
      append: async (topic, partition, payload) => {
        if (broken && topic === TOPIC_EVENTS && partition === 2) throw logUnavailable();
        return await producer.append(topic, partition, payload);
      },
      close: async () => await producer.close(),
    });
    const one = await start({ wrapProducer: refusing });
    await beginRules(one.stream);
    const failed = await apply(one, file('a'));
    expect(failed.status).toBe(503);
    expect(failed.headers.get('retry-after')).toBe('1');
    expect(await failed.json()).toMatchObject({
      code: 'rules_barriers_missing',
      detail: expect.stringContaining('1 partitions (2)'),
      remedy: expect.stringContaining('Apply the same rules again'),
    });
    expect(await one.meter.exposition()).toContain('millrace_receiver_rules_not_applied_total 1');
    broken = false;
    const completed = await apply(one, file('a'));
    expect(completed.status).toBe(200);
    const answer = (await completed.json()) as RulesChangeAnswer;
    expect(answer).toMatchObject({ changed: false, barriers: [3, 3, 1, 3] });
    const told = (await barriersOf(one.stream)).map((all) => all.map(({ number }) => number));
    expect(told.map((numbers) => new Set(numbers))).toEqual(
      Array.from({ length: 4 }, () => new Set([answer.version])),
    );
    expect(await one.meter.exposition()).toContain('millrace_receiver_rules_applied_total 1');
  });

  it('is the only one of its process', async () => {
    const gate = closedGate();
    const one = await start({ wrapProducer: gate.wrap });
    await beginRules(one.stream);
    const first = apply(one, file('a'));
    await eventually(() => gate.waiting > 0);
    const second = await apply(one, file('b'));
    expect(second.status).toBe(409);
    expect(second.headers.get('retry-after')).toBeNull();
    expect(await second.json()).toMatchObject({ code: 'rules_busy' });
    gate.open();
    expect((await first).status).toBe(200);
    expect((await apply(one, file('b'))).status).toBe(200);
  });

  it.each([
    ['rules', PATH],
    ['rules beside those in force', '/api/v1/candidates?since_us=0'],
  ])('loses against one of another process that was faster: %s', async (_, path) => {
    const log = new MemoryLog({ partitions: 2, clock: systemClock });
    const gate = closedGate();
    const slowStream = openMemoryStream(log);
    const slow = await start({
      components: {
        stream: Object.assign(Object.create(slowStream) as typeof slowStream, {
          partitions: slowStream.partitions,
          producer: () => gate.wrap(slowStream.producer()),
          reader: slowStream.reader.bind(slowStream),
          bounds: slowStream.bounds.bind(slowStream),
        }),
        logIds: [undefined, undefined],
      },
    });
    const fast = await start({
      components: { stream: openMemoryStream(log), logIds: [undefined, undefined] },
    });
    await beginRules(openMemoryStream(log));
    const losing = slow.post(path, file('a'), { 'content-type': 'application/yaml' });
    await eventually(() => gate.waiting > 0);
    expect((await apply(fast, file('b'))).status).toBe(200);
    gate.open();
    const lost = await losing;
    expect(lost.status).toBe(409);
    expect(await lost.json()).toMatchObject({
      code: 'rules_outrun',
      remedy: expect.stringContaining('rules list'),
    });
    expect((await rulesOf(slow)).rules.map(({ name }) => name)).toEqual(['rollup', 'b']);
  });

  it('that takes too long is answered 503, and comes into force all the same', async () => {
    const gate = closedGate();
    const one = await start({ wrapProducer: gate.wrap, settings: { appendTimeoutMs: 50 } });
    await beginRules(one.stream);
    const late = await apply(one, file('a'));
    expect(late.status).toBe(503);
    expect(late.headers.get('retry-after')).toBe('1');
    expect(await late.json()).toMatchObject({
      code: 'rules_log_slow',
      detail: expect.stringContaining('not known yet'),
    });
    gate.open();
    await eventually(async () => (await barriersOf(one.stream)).every((all) => all.length > 0));
    expect((await rulesOf(one)).rules.map(({ name }) => name)).toEqual(['rollup', 'a']);
  });

  it('is finished before the receiver stops', async () => {
    const gate = closedGate();
    const one = await start({ wrapProducer: gate.wrap });
    await beginRules(one.stream);
    const { end } = await one.stream.bounds(TOPIC_CONTROL, 0);
    const applying = apply(one, file('a'));
    await eventually(() => gate.waiting > 0);
    const stopped = one.receiver.stop();
    gate.open();
    await stopped;
    expect((await applying).status).toBe(200);
    expect((await one.stream.bounds(TOPIC_CONTROL, 0)).end).toBeGreaterThan(end);
    expect((await barriersOf(one.stream)).flat()).toHaveLength(4);
  });
});
