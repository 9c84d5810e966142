import { SampleKind } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import {
  encodeDefinitions,
  EventsRecordKind,
  REDRIVE_PROTOCOL,
  type DataRecord,
} from '@millrace/wire';
import { dataRecord, type TestPart, type TestSample } from './data-record.ts';
import { logStart, type LoggedRecord } from './fold-run.ts';
import { randomOf } from './varied-log.ts';

const SECOND = 1_000_000;
export const REPEATED_T0: number = 1_700_000_000 * SECOND;
const REMEMBERED = 5;
/** Of each sender. */
export const REPEATED_SERIES = 6;
const KINDS = [SampleKind.unknown, SampleKind.gauge, SampleKind.delta];

export interface RepeatedLogParams {
  steps: number;
  /** Between two records; mostly. */
  stepUs?: number;
  senders?: number;
  /** Of a hundred records so many are unusual in some way. */
  unusualPercent: number;
  foldVersion: number;
  /** What is in force; left out: no rules but the built-in one. */
  rules?: RuleFile;
}

/**
 * A log as steady senders make it: each sends the same series in the same order, step by step, much
 * faster than time goes; what is unusual comes in between.
 */
export function repeatedLog(seed: number, params: RepeatedLogParams): LoggedRecord[] {
  return new RepeatedLog(seed, params).log;
}

type SentPart = TestPart & { samples: TestSample[]; sender: number };

/** Before these steps time goes on by so much. */
const JUMPS_US: ReadonlyMap<number, number> = new Map([
  [40, 30 * SECOND],
  [62, 13 * 3600 * SECOND],
  [95, 13 * 3600 * SECOND],
]);
/** Of twenty steps each. */
const TURNED: ReadonlySet<number> = new Set([1, 4]);

class RepeatedLog {
  readonly log: LoggedRecord[];
  readonly #random: () => number;
  readonly #stepUs: number;
  #sequence = 0;
  /** First all is late, and then some is ahead. */
  #nowUs = REPEATED_T0 + 60 * SECOND;
  #before: LoggedRecord | undefined;

  constructor(seed: number, params: RepeatedLogParams) {
    const { steps, unusualPercent, foldVersion, stepUs = 7000, senders = KINDS.length } = params;
    const { rules = { rules: [] } as RuleFile } = params;
    this.#stepUs = stepUs;
    const settings = {
      ...{ rememberedTimesMax: REMEMBERED, latenessUs: 5 * SECOND, seriesMax: 40, piecesMax: 200 },
      identityHorizonUs: 30 * SECOND,
    };
    this.log = logStart(rules, settings, foldVersion);
    this.#random = randomOf(seed);
    for (let step = 0; step < steps; step += 1) {
      this.#nowUs += JUMPS_US.get(step) ?? 0;
      for (let sender = 0; sender < senders; sender += 1) {
        this.#nowUs += this.#chance(60) ? 12 * SECOND : this.#stepUs;
        const part = this.#part(step, sender);
        if (this.#random() * 100 < unusualPercent) this.#addUnusual(part, step);
        else this.#add(part, step >= REMEMBERED);
      }
    }
  }

  #chance(of: number): boolean {
    return this.#random() * of < 1;
  }

  #part(step: number, sender: number): SentPart {
    const timeUs = REPEATED_T0 + step * SECOND;
    this.#sequence += 1;
    const samples = Array.from({ length: REPEATED_SERIES }, (_, i) => ({
      labels: { __name__: 'm', job: `j${i % 2}`, instance: `${sender}.${i}` },
      kind: KINDS[sender]!,
      timeUs,
      value: this.#value(step),
    }));
    return {
      // For a while the order is another one by turns.
      samples: TURNED.has(Math.floor(step / 20)) && step % 2 === 1 ? samples.toReversed() : samples,
      receivedAtUs: this.#nowUs,
      sequence: this.#sequence,
      sender,
      identity: { kind: 'key', key: `${step}.${sender}` },
    };
  }

  #value(step: number): number {
    if (this.#chance(50)) return [NaN, -0, Infinity, 0][Math.floor(this.#random() * 4)]!;
    return Math.floor(this.#random() * 10) / 10 + step / 3;
  }

  #add(part: TestPart, leavesOut: boolean, change?: (record: DataRecord) => DataRecord): void {
    const made = dataRecord(part);
    const definitions = leavesOut ? encodeDefinitions([], new Uint32Array(0)) : made.definitions;
    const record = { ...made, definitions };
    this.#push({ record: change?.(record) ?? record, appendTimeUs: this.#nowUs });
  }

  #push(logged: LoggedRecord): void {
    this.#before = logged;
    this.log.push(logged);
  }

  #addUnusual(part: SentPart, step: number): void {
    const { samples } = part;
    const at = Math.floor(this.#random() * samples.length);
    const sample = samples[at]!;
    const odd: (() => void)[] = [
      // Nothing comes.
      () => undefined,
      // The log has it twice, or the sender sent it twice, or something else under that key.
      () => this.#before !== undefined && this.#push(this.#before),
      () => {
        this.#add(part, true);
        this.#sequence += 1;
        this.#add({ ...part, sequence: this.#sequence }, true);
      },
      () => {
        this.#add(part, true);
        this.#sequence += 1;
        const later = samples.map((one) => ({ ...one, timeUs: one.timeUs + SECOND / 2 }));
        this.#add({ ...part, samples: later, sequence: this.#sequence }, true);
      },
      // Some of its times, series or flags are others.
      () => ((sample.timeUs -= 3 * SECOND), this.#add(part, true)),
      () => ((sample.timeUs += 1), this.#add(part, true)),
      () => ((sample.stale = true), this.#add(part, true)),
      () => ((sample.startUs = sample.timeUs - SECOND), this.#add(part, true)),
      () => ((sample.untimed = true), this.#add(part, true)),
      () => (samples.splice(at, 1), this.#add(part, true)),
      () => ((sample.labels['instance'] = `new ${step}`), this.#add(part, false)),
      () => ((sample.labels['instance'] = `nobody ${step}`), this.#add(part, true)),
      () => (samples.push({ ...sample, timeUs: sample.timeUs + 1 }), this.#add(part, true)),
      () => this.#add(part, false),
      // All of one that others send.
      () => {
        const others = samples.map((one, i) => ({
          ...one,
          labels: { ...one.labels, instance: `${i % KINDS.length}.${i}` },
        }));
        this.#add({ ...part, samples: others }, true);
      },
      // Only some windows before, or a long time before.
      () => this.#add({ ...part, samples: samples.map((one) => moved(one, -11 * SECOND)) }, true),
      () => this.#add({ ...part, samples: samples.map((one) => moved(one, -300 * SECOND)) }, true),
      () => this.#add({ ...part, refused: [0, 3] }, true),
      () => this.#add({ ...part, protocol: REDRIVE_PROTOCOL }, true),
      () => this.#add(part, true, (record) => ({ ...record, kinds: record.kinds.fill(2) })),
      () => {
        this.#nowUs += 3 * SECOND;
        const record = { kind: EventsRecordKind.tick, receivedAtUs: this.#nowUs };
        this.#push({ record, appendTimeUs: this.#nowUs });
      },
    ];
    if (this.#chance(2)) this.#addRepeated(part, step);
    else odd[Math.floor(this.#random() * odd.length)]!();
  }

  /** As usual, but under the key of the step before, or with a number that was there. */
  #addRepeated(part: SentPart, step: number): void {
    if (this.#chance(2)) this.#add({ ...part, sequence: part.sequence - KINDS.length }, true);
    else {
      const key = `${step - 1}.${part.sender}`;
      this.#add({ ...part, identity: { kind: 'key', key } }, true);
    }
  }
}

function moved(sample: TestSample, byUs: number): TestSample {
  return { ...sample, timeUs: sample.timeUs + byUs };
}
