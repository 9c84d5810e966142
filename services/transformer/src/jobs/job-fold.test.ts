import { compileRules, type CompiledRules, type RuleFile } from '@millrace/rules';
import {
  EntryType,
  EventsRecordKind,
  type AddressedEntry,
  type BarrierRecord,
  type DefinitionEntry,
  type JobEndEntry,
} from '@millrace/wire';
import { fingerprintHex, type Piece } from '@millrace/model';
import { describe, expect, it } from 'vitest';
import { headOfPages } from '../fold/partition-state.ts';
import { entryTexts, foldedPieces, runFold, type LoggedRecord } from '../testing/fold-run.ts';
import { runJob, type JobRunOptions } from '../testing/job-run.ts';
import { mergePieces, type MergedWindow } from '../testing/merge-pieces.ts';
import { TIGHT_SETTINGS, variedLog, type VariedLogParams } from '../testing/varied-log.ts';
import { jobEditions, wholeFromUs, type Job } from './job.ts';
import { isEarlyEnough } from './job-start.ts';

const FIRST_EDITION = 100_000;
const RECORDS = 220;
/** The record before which the candidate begins. */
const BARRIER = 150;
/** The largest time before this one is where the past begins. */
const SINCE = 115;

const ALL: RuleFile['rules'] = [
  {
    name: 'by-job',
    match: '{__name__=~"m.*|ev"}',
    by: ['job'],
    widths: ['20s', '1m'],
    aggregates: ['count', 'sum', 'min', 'max', 'first', 'last', 'quantile', 'distinct'].concat(
      'increase',
    ),
  },
  {
    name: 'away',
    match: 'm1',
    without: ['instance'],
    widths: ['7s', '5m'],
    aggregates: ['count', 'sum', 'distinct(instance)', 'increase'],
    keep_raw: false,
  },
];

const WITH_INPUTS: RuleFile = {
  rules: [...ALL, { name: 'same', match: 'm2', widths: ['30s'], aggregates: ['sum_last', 'last'] }],
};
const WITH_DROP: RuleFile = {
  rules: [...ALL, { name: 'gone', match: '{job="a",instance="x"}', drop: true }],
};

interface World {
  job: Job;
  /** The candidate begins in the middle. */
  log: LoggedRecord[];
  /** Its rules are in force from the beginning. */
  reference: LoggedRecord[];
}

/** Spread, so that the candidate's version has a number between those of others. */
const spread = (record: BarrierRecord): BarrierRecord => {
  return { ...record, number: 10 * record.number, after: 10 * record.after };
};

function worldOf(seed: number, file: RuleFile, params: Omit<VariedLogParams, 'records'>): World {
  const plain = variedLog(seed, { records: RECORDS, ...params }).map(({ record, appendTimeUs }) => {
    const isBarrier = record.kind === EventsRecordKind.barrier;
    return { record: isBarrier ? spread(record) : record, appendTimeUs };
  });
  const before = runFold(plain.slice(0, BARRIER)).fold;
  const inForce = before.tables!.barrier;
  const compiled = compileRules(file);
  const rules: CompiledRules = {
    ...compiled,
    rules: compiled.rules
      // The built-in one is as wide as a log in which no hours pass.
      .filter(({ onlyKeptRaw }) => !onlyKeptRaw || params.changes !== undefined)
      .map((rule, i) => ({ ...rule, edition: FIRST_EDITION + i })),
  };
  const candidate = inForce.number + 5;
  const candidates = [{ number: candidate, rules }];
  const first = plain[1]!.record as BarrierRecord;
  const barrier = { ...first, ...inForce, number: candidate, after: inForce.number };
  const all = plain.toSpliced(BARRIER, 0, { record: barrier, appendTimeUs: 0 });
  const eachBarrier = (change: (one: BarrierRecord, i: number) => BarrierRecord): LoggedRecord[] =>
    all.map(({ record, appendTimeUs }, i) => {
      const isBarrier = record.kind === EventsRecordKind.barrier;
      return { record: isBarrier ? change(record, i) : record, appendTimeUs };
    });
  const sinceUs = runFold(plain.slice(0, SINCE)).fold.head.largestTimeUs;
  return {
    job: { candidate, rules, sinceUs, partitions: 1 },
    log: eachBarrier((one) => (one.number >= candidate ? { ...one, candidates } : one)),
    reference: eachBarrier((one) => ({ ...one, rules })),
  };
}

/** Of the candidate, from where the past begins. */
function windowsOf(job: Job, pieces: readonly Piece[]): Map<string, MergedWindow> {
  const from = new Map(
    jobEditions(job).map(({ edition, fromUs }) => {
      const { widthsUs } = job.rules.rules.find((rule) => rule.edition === edition)!;
      return [edition, new Map(widthsUs.map((widthUs, w) => [widthUs, fromUs[w]!]))];
    }),
  );
  return mergePieces(
    pieces.filter(({ edition, widthUs, startUs }) => {
      return startUs >= (from.get(edition)?.get(widthUs) ?? Infinity);
    }),
  );
}

const of = <T>(entries: readonly AddressedEntry[], wanted: EntryType): T[] =>
  entries.filter(({ type }) => type === wanted).map(({ value }) => value as T);

function expectSame(actual: Map<string, MergedWindow>, expected: Map<string, MergedWindow>): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [key, window] of expected) {
    const found = actual.get(key)!;
    const exact = ({ sum: _sum, increase: _increase, ...rest }: MergedWindow): object => rest;
    expect({ key, ...exact(found) }).toEqual({ key, ...exact(window) });
    // What is added in two portions may be rounded in another way.
    for (const column of ['sum', 'increase'] as const) {
      if (!Number.isFinite(window[column])) expect(found[column]).toBe(window[column]);
      else expect(found[column]).toBeCloseTo(window[column]!, 6);
    }
  }
}

const { pieceInputsMax: _pieceInputsMax, ...TIGHT } = TIGHT_SETTINGS;

const WORLDS: [what: string, file: RuleFile, params: Omit<VariedLogParams, 'records'>][] = [
  ['usual bounds, rules for everything', WITH_INPUTS, {}],
  ['rules that drop', WITH_DROP, {}],
  ['bounds that are reached all the time', WITH_DROP, { settings: TIGHT }],
  ['rules and settings that change', WITH_DROP, { changes: 0.1 }],
  ['a log of before', { rules: ALL }, { upgradedFrom: 1 }],
  ['losses and dead letters that come again', { rules: ALL }, { losses: 0.05, redriven: 0.1 }],
];

describe.each(WORLDS)('a job over a log with everything in it, under %s', (_what, file, params) => {
  it('gives, with what is folded from the barrier on, what rules in force had given', () => {
    let compared = 0;
    let halved = 0;
    for (const seed of [1, 3]) {
      const { job, log, reference } = worldOf(seed, file, params);
      const { entries, isOver } = runJob(job, log, {});
      expect(isOver).toBe(true);
      const past = of<Piece>(entries, EntryType.final);
      const live = foldedPieces(runFold(log)).filter(({ edition }) => edition >= FIRST_EDITION);
      const expected = windowsOf(job, foldedPieces(runFold(reference)));
      expectSame(windowsOf(job, [...past, ...live]), expected);
      compared += expected.size;
      const [a, b] = [windowsOf(job, past), windowsOf(job, live)];
      expect(a.size).toBeGreaterThan(5);
      halved += [...a.keys()].filter((key) => b.has(key)).length;
      // And nothing that begins before.
      expect(mergePieces(past).size).toBe(a.size);
    }
    expect(compared).toBeGreaterThan(80);
    expect(halved).toBeGreaterThan(10);
  });

  it('puts out the same from whichever state it begins, and however often it is begun anew', () => {
    for (const seed of [2]) {
      const { job, log } = worldOf(seed, file, params);
      const whole = runJob(job, log, {});
      const texts = entryTexts(whole.entries);
      const same = (options: JobRunOptions): void =>
        expect(entryTexts(runJob(job, log, options).entries)).toEqual(texts);
      same({ restartAfter: () => true, recordBytesMax: 700 });
      let starts = 0;
      for (let at = 2; at < BARRIER; at += 13) {
        const from = runFold(log.slice(0, at), {
          restartAfter: (offset) => offset === at - 1,
        }).saved;
        if (!isEarlyEnough(headOfPages(from).head, wholeFromUs(job))) break;
        same({ from, restartAfter: (offset) => offset % 3 === 0 });
        starts += 1;
      }
      expect(starts).toBeGreaterThan(2);
    }
  });

  it('defines whatever it puts out, says that it is over, and says nothing else', () => {
    const { job, log } = worldOf(5, file, params);
    const { entries } = runJob(job, log, {});
    const { definition, final, jobEnd } = EntryType;
    expect(new Set(entries.map(({ type }) => type))).toEqual(new Set([definition, final, jobEnd]));
    const defined = new Set<string>();
    for (const { type, value } of entries) {
      if (type === definition) defined.add(fingerprintHex((value as DefinitionEntry).fingerprint));
      if (type === final) expect(defined).toContain(fingerprintHex((value as Piece).fingerprint));
    }
    const position = log.findIndex(({ record }) => {
      return record.kind === EventsRecordKind.barrier && record.number === job.candidate;
    });
    const { candidate, partitions } = job;
    const end: JobEndEntry = { candidate, position, partitions, editions: jobEditions(job) };
    expect(entries.at(-1)!.value).toEqual(end);
    expect(entries.at(-1)!.address.offset).toBe(position);
    expect(of(entries, jobEnd)).toHaveLength(1);
  });
});
