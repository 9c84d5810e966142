import { SampleKind } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import { encodeDefinitions, type BarrierRecord, type DataRecord } from '@millrace/wire';
import { describe, expect, it, vi } from 'vitest';
import { dataRecord, labelSetOf } from '../testing/data-record.ts';
import {
  entryTexts,
  foldedPieces,
  logStart,
  runFold,
  type LoggedRecord,
} from '../testing/fold-run.ts';
import { RuleVersions } from '../testing/rule-versions.ts';
import { QuickFold } from './quick-fold.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** A window begins there. */
const T0 = 1_700_000_040 * SECOND;
/** An ordinal that no sample has: records that refuse any are folded sample by sample. */
const FAR = 100_000;

const BY_JOB = {
  ...{ name: 'by-job', match: 'm', by: ['job'], widths: ['1m'] },
  aggregates: ['sum', 'min', 'max', 'first', 'last'],
};
const RULES = { rules: [BY_JOB] } as RuleFile;
const MORE_RULES = { rules: [BY_JOB, { ...BY_JOB, name: 'more', match: 'none' }] } as RuleFile;

type Sample = readonly [instance: string, timeUs: number, value: number];

/** Records of one job, one after another. */
class Records {
  readonly log: LoggedRecord[];
  readonly #refused: number[];
  #sequence = 0;

  constructor(refused: number[]) {
    this.log = logStart(RULES, { identityHorizonUs: MINUTE });
    this.#refused = refused;
  }

  /** Where the record that is added next will stand. */
  get offset(): number {
    return this.log.length;
  }

  add(nowUs: number, ...samples: readonly Sample[]): void {
    this.log.push({ record: this.record(nowUs, samples), appendTimeUs: nowUs });
  }

  record(nowUs: number, samples: readonly Sample[]): DataRecord {
    this.#sequence += 1;
    return dataRecord({
      samples: samples.map(([instance, timeUs, value]) => {
        const labels = { __name__: 'm', job: 'j', instance };
        return { labels, kind: SampleKind.gauge, timeUs, value };
      }),
      ...{ receivedAtUs: nowUs, sequence: this.#sequence, refused: this.#refused },
    });
  }

  change(rules: RuleFile, versions: RuleVersions, nowUs: number): void {
    this.log.push({ record: versions.next(rules), appendTimeUs: nowUs });
  }
}

/** A log, and behind which of its records a restart would change what is found at once. */
type Case = (refused: number[]) => { log: LoggedRecord[]; cut: number };

function begun(refused: number[]): Records {
  const records = new Records(refused);
  for (let k = 1; k <= 5; k += 1) {
    const timeUs = T0 + k * SECOND;
    records.add(timeUs, ['a', timeUs, k === 1 ? 0.1 : 0], ['b', timeUs, k === 1 ? 0.1 : 0]);
  }
  return records;
}

const atTheEnd: Case = (refused) => {
  const records = begun(refused);
  const cut = records.offset - 1;
  records.add(T0 + MINUTE, ['a', T0 + MINUTE - 1, 0.7], ['b', T0 + MINUTE - SECOND, 0.1]);
  return { log: records.log, cut };
};

/** Placements of before keep their outputs; one that is made behind it has another for the same. */
const behindAnEndedEdition: Case = (refused) => {
  const records = begun(refused);
  const versions = new RuleVersions(records.log[1]!.record as BarrierRecord);
  let nowUs = T0 + 10 * SECOND;
  const next = (...instances: string[]): void => {
    nowUs += 10 * SECOND;
    records.add(nowUs, ...instances.map((one): Sample => [one, nowUs, 0.1]));
  };
  records.change(MORE_RULES, versions, nowUs);
  next('a', 'b');
  records.change(RULES, versions, nowUs);
  for (let k = 0; k < 40; k += 1) next('a', 'b');
  for (let k = 0; k < 40 || nowUs % MINUTE !== 50 * SECOND; k += 1) next('c', 'a', 'b');
  nowUs += 10 * SECOND;
  records.add(nowUs, ['a', nowUs, 0.1], ['b', nowUs, 0.1]);
  const cut = records.offset - 1;
  nowUs += 10 * SECOND;
  records.add(nowUs, ['c', nowUs, 0.7], ['a', nowUs, 0.2], ['b', nowUs, 0.3]);
  return { log: records.log, cut };
};

/** One series thrice, of one kind: in a window, at its end, and in the next one. */
const moreThanOnceInARecord: Case = (refused) => {
  const records = begun(refused);
  const cut = records.offset - 1;
  const nowUs = T0 + MINUTE;
  const record = records.record(nowUs, [
    ['a', nowUs - 20 * SECOND, 0],
    ['x', nowUs - 1, 0.7],
    ['b', nowUs - SECOND, 0.1],
    ['y', nowUs + SECOND, 0.2],
  ]);
  for (const s of [1, 3]) record.fingerprints.copyWithin(16 * s, 0, 16);
  const labelSets = ['a', 'a', 'b', 'a'].map((instance) => {
    return labelSetOf({ __name__: 'm', job: 'j', instance });
  });
  const definitions = encodeDefinitions(labelSets);
  records.log.push({ record: { ...record, definitions }, appendTimeUs: nowUs });
  return { log: records.log, cut };
};

describe.each<[what: string, make: Case]>([
  ['at the end of a window', atTheEnd],
  ['behind the end of an edition', behindAnEndedEdition],
  ['of one series in one record', moreThanOnceInARecord],
])('samples that are found and samples that are missing, %s', (_what, make) => {
  function folded(refused: number[], restarts: boolean) {
    const { log, cut } = make(refused);
    const quick = vi.spyOn(QuickFold.prototype, 'fold');
    const lastUs = log.at(-1)!.appendTimeUs;
    for (const laterUs of [20 * MINUTE, 60 * MINUTE]) {
      const records = new Records(refused);
      const nowUs = lastUs + laterUs;
      const record = { ...records.record(nowUs, [['z', nowUs, 1]]), sequence: laterUs };
      log.push({ record, appendTimeUs: nowUs });
    }
    const run = runFold(log, { restartAfter: (offset) => restarts && offset === cut });
    const { calls, results } = quick.mock;
    const quickly = calls.filter(([, from], i) => (results[i]!.value as number) > from).length;
    quick.mockRestore();
    return { entries: entryTexts(run.entries), pieces: foldedPieces(run), quickly };
  }

  it('become the same with a restart, without, and one by one', () => {
    const [plain, restarted, slow] = [folded([], false), folded([], true), folded([FAR], false)];
    expect(slow.quickly).toBe(0);
    expect(plain.quickly).toBeGreaterThan(2);
    expect(plain.entries).toEqual(slow.entries);
    expect(restarted.entries).toEqual(slow.entries);
    expect(plain.pieces).toEqual(slow.pieces);
  });
});
