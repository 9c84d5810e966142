import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LossMemory, type Acknowledgement } from './loss-memory.ts';

/** What a test does next with one of the receivers, or with the memory. */
type Step =
  | { what: 'append'; receiver: number; samples: number; isLost: boolean }
  | { what: 'acknowledge'; receiver: number; nth: number }
  | { what: 'forget'; receiver: number }
  | { what: 'reload' };

interface Receiver {
  cumulativeSamples: number;
  acknowledgedSamples: number;
  acknowledgedFrom: number;
  underWay: { offset: number; samples: number }[];
}

const RECEIVERS = 3;

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        what: fc.constant('append' as const),
        receiver: fc.nat(RECEIVERS - 1),
        samples: fc.integer({ min: 0, max: 5 }),
        isLost: fc.constant(false),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        what: fc.constant('acknowledge' as const),
        receiver: fc.nat(RECEIVERS - 1),
        nth: fc.nat(3),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        what: fc.constant('forget' as const),
        receiver: fc.nat(RECEIVERS - 1),
      }),
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('reload' as const) }) },
  ),
  { maxLength: 120 },
);

/** Receivers that append to a log, and the memory that reads what the log has kept. */
class Bench {
  memory = new LossMemory();
  lost = 0;
  #end = 10;
  readonly #receivers: Receiver[] = Array.from({ length: RECEIVERS }, () => ({
    cumulativeSamples: 0,
    acknowledgedSamples: 0,
    acknowledgedFrom: -1,
    underWay: [],
  }));

  do(step: Step): void {
    if (step.what === 'append') this.append(step.receiver, step.samples, step.isLost);
    if (step.what === 'acknowledge') this.acknowledge(step.receiver, step.nth);
    if (step.what === 'forget') this.memory.forget(`r${step.receiver}`);
    if (step.what === 'reload') {
      const loaded = new LossMemory();
      loaded.load(structuredClone(this.memory.save()));
      this.memory = loaded;
    }
  }

  append(receiver: number, samples: number, isLost: boolean): void {
    const one = this.#receivers[receiver]!;
    one.cumulativeSamples += samples;
    const { cumulativeSamples, acknowledgedSamples, acknowledgedFrom } = one;
    const offset = this.#end;
    this.#end += 1;
    one.underWay.push({ offset, samples });
    if (isLost) return;
    const record: Acknowledgement = {
      receiver: `r${receiver}`,
      tenant: 'default',
      values: { length: samples },
      cumulativeSamples,
      acknowledgedSamples,
      acknowledgedFrom,
    };
    this.lost += this.memory.note(record, offset)?.samples ?? 0;
  }

  acknowledge(receiver: number, nth: number): void {
    const one = this.#receivers[receiver]!;
    const [done] = one.underWay.splice(nth, 1);
    if (done === undefined || done.samples === 0) return;
    one.acknowledgedSamples += done.samples;
    const { acknowledgedFrom: from } = one;
    one.acknowledgedFrom = from < 0 ? done.offset : Math.min(from, done.offset);
  }

  acknowledgeAll(): void {
    this.#receivers.forEach(({ underWay }, receiver) => {
      while (underWay.length > 0) this.acknowledge(receiver, 0);
    });
  }
}

describe('LossMemory', () => {
  it('never calls lost what is in the log, whatever is forgotten meanwhile', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const bench = new Bench();
        for (const step of list) bench.do(step);
        expect(bench.lost).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('counts exactly what is not in the log, as soon as a later record tells', () => {
    const losing = steps.map((list) => list.filter(({ what }) => what !== 'forget'));
    fc.assert(
      fc.property(losing, fc.infiniteStream(fc.boolean()), (list, losses) => {
        const bench = new Bench();
        let lost = 0;
        for (const step of list) {
          const isLost = step.what === 'append' && losses.next().value;
          if (step.what === 'append' && isLost) lost += step.samples;
          bench.do(step.what === 'append' ? { ...step, isLost } : step);
        }
        bench.acknowledgeAll();
        for (let receiver = 0; receiver < RECEIVERS; receiver += 1)
          bench.append(receiver, 1, false);
        expect(bench.lost).toBe(lost);
      }),
      { numRuns: 500 },
    );
  });

  const record = (more: Partial<Acknowledgement>): Acknowledgement => ({
    receiver: 'a',
    tenant: 'default',
    values: { length: 10 },
    cumulativeSamples: 10,
    acknowledgedSamples: 0,
    acknowledgedFrom: -1,
    ...more,
  });

  it('names the records around the hole, and the tenant while there is one only', () => {
    const memory = new LossMemory();
    const later = { acknowledgedFrom: 5, cumulativeSamples: 40 };
    expect(memory.note(record({}), 5)).toBeUndefined();
    expect(memory.note(record({ ...later, acknowledgedSamples: 25 }), 9)).toEqual({
      receiver: 'a',
      tenant: 'default',
      samples: 15,
      afterOffset: 5,
      offset: 9,
    });
    const other = { ...later, tenant: 'other', acknowledgedSamples: 36 };
    expect(memory.note(record(other), 12)).toMatchObject({ tenant: '', samples: 1 });
    expect(memory.note(record(other), 13)).toBeUndefined();
  });

  it('knows an instance whose whole beginning is lost from one that was forgotten', () => {
    const memory = new LossMemory();
    memory.note(record({ receiver: 'old' }), 20);
    memory.forget('old');
    const back = { receiver: 'old', acknowledgedSamples: 10, acknowledgedFrom: 20 };
    expect(memory.note(record({ ...back, cumulativeSamples: 20 }), 90)).toBeUndefined();
    const young = { receiver: 'young', acknowledgedSamples: 10, acknowledgedFrom: 21 };
    expect(memory.note(record({ ...young, cumulativeSamples: 20 }), 91)).toMatchObject({
      samples: 10,
      afterOffset: -1,
    });
  });

  it('says nothing of what came before it began to count', () => {
    const memory = new LossMemory();
    memory.note(record({}), 3);
    memory.startBehind(50);
    const known = { acknowledgedSamples: 30, acknowledgedFrom: 3, cumulativeSamples: 40 };
    expect(memory.note(record(known), 51)).toBeUndefined();
    const next = { ...known, acknowledgedSamples: 45, cumulativeSamples: 55 };
    expect(memory.note(record(next), 52)).toMatchObject({ samples: 5 });
  });

  it('... also when a late record is the first that it counts', () => {
    const memory = new LossMemory();
    memory.startBehind(50);
    // Of 30 samples sent before, this one's 10 come late: it was encoded when 5 had been sent.
    const late = { acknowledgedSamples: 5, acknowledgedFrom: 3, cumulativeSamples: 15 };
    expect(memory.note(record(late), 51, 30)).toBeUndefined();
    const next = { acknowledgedSamples: 30, acknowledgedFrom: 3, cumulativeSamples: 40 };
    expect(memory.note(record(next), 52, 30)).toBeUndefined();
  });
});
