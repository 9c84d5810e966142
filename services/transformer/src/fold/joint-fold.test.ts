import { compileRules, type CompiledRules, type RuleFile } from '@millrace/rules';
import { describe, expect, it } from 'vitest';
import type { Job } from '../jobs/job.ts';
import { entryTexts, runFold, type FoldRun } from '../testing/fold-run.ts';
import { runJob } from '../testing/job-run.ts';
import { takePages } from './partition-state.ts';
import { REPEATED_SERIES as SERIES, REPEATED_T0, repeatedLog } from '../testing/repeated-log.ts';

const AGGREGATES = ['count', 'sum', 'min', 'max', 'first', 'last', 'increase'];
const RULES = {
  rules: [
    { name: 'by-job', match: 'm', by: ['job'], widths: ['1m', '5m'], aggregates: AGGREGATES },
    { name: 'same', match: 'm', widths: ['50s', '2m'], aggregates: AGGREGATES },
    { name: 'few', match: 'm', by: [], widths: ['75s'], aggregates: ['count', 'max'] },
  ],
} as unknown as RuleFile;

function jobOf(): Job {
  const compiled = compileRules(RULES);
  const rules: CompiledRules = {
    ...compiled,
    rules: compiled.rules.map((rule, i) => ({ ...rule, edition: 1000 + i })),
  };
  return { candidate: 500, rules, sinceUs: REPEATED_T0, partitions: 1 };
}

describe('records that are folded together', () => {
  it.each([
    { unusualPercent: 0, seeds: 2, leastJoint: 0.2 },
    { unusualPercent: 1, seeds: 12, leastJoint: 0.1 },
    { unusualPercent: 3, seeds: 12, leastJoint: 0.03 },
  ])('become what they do one by one, $unusualPercent % unusual', (params) => {
    const { unusualPercent, seeds, leastJoint } = params;
    const job = jobOf();
    let joint = 0;
    let records = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const log = repeatedLog(seed, { steps: 120, unusualPercent, foldVersion: 2 + (seed % 2) });
      const alone = runJob(job, log, {});
      expect(alone.together).toBe(0);
      for (const together of [50, 1000]) {
        const run = runJob(job, log, { together });
        expect(entryTexts(run.entries)).toEqual(entryTexts(alone.entries));
        expect(run.pages).toEqual(alone.pages);
        records += log.length;
        joint += run.together;
      }
    }
    expect(joint / (SERIES * records)).toBeGreaterThan(leastJoint);
  });

  it('are not before pieces that are final in the second in which they were opened', () => {
    const job = jobOf();
    // All come at whole seconds, most of them late.
    const params = { steps: 90, unusualPercent: 0, foldVersion: 2 };
    const log = repeatedLog(3, { ...params, stepUs: 0, senders: 1 });
    const alone = runJob(job, log, {});
    const run = runJob(job, log, { together: 1000 });
    expect(entryTexts(run.entries)).toEqual(entryTexts(alone.entries));
    expect(run.pages).toEqual(alone.pages);
  });
});

/** What live folding does with raw samples, by what the rules say of them. */
const LIVE_RULES: [what: string, rules: unknown[]][] = [
  ['are kept and rolled up', []],
  ['are kept, and aggregated beside that', [...RULES.rules]],
  ['are aggregated away', RULES.rules.map((rule) => ({ ...rule, keep_raw: false }))],
];

describe('live records that are folded together', () => {
  describe.each(LIVE_RULES)('whose samples %s', (_what, rules) => {
    it.each([
      { unusualPercent: 0, seeds: 2, leastJoint: 0.2 },
      { unusualPercent: 3, seeds: 4, leastJoint: 0.03 },
    ])('put out, and leave, what they do one by one, $unusualPercent % unusual', (params) => {
      const { unusualPercent, seeds, leastJoint } = params;
      let joint = 0;
      let records = 0;
      for (let seed = 1; seed <= seeds; seed += 1) {
        const foldVersion = 2 + (seed % 2);
        const shape = { steps: 120, unusualPercent, foldVersion, rules: { rules } as RuleFile };
        const log = repeatedLog(seed, shape);
        const alone = runFold(log);
        const { together: none, ...counts } = alone.fold.counts;
        expect(none).toBe(0);
        const pages = pagesOf(alone);
        for (const together of [2, 1000]) {
          const run = runFold(log, { together, recordBytesMax: seed % 3 === 0 ? 500 : 800_000 });
          expect(entryTexts(run.entries)).toEqual(entryTexts(alone.entries));
          expect(pagesOf(run)).toEqual(pages);
          expect(run.fold.counts).toMatchObject(counts);
          if (together === 2) continue;
          records += log.length;
          joint += run.fold.counts.together;
        }
      }
      expect(joint / (SERIES * records)).toBeGreaterThan(leastJoint);
    });
  });

  it('are the same however the log is cut and a state goes on', () => {
    const log = repeatedLog(5, { steps: 120, unusualPercent: 1, foldVersion: 3 });
    const whole = entryTexts(runFold(log).entries);
    for (const seed of [1, 2, 3]) {
      const run = runFold(log, {
        together: 1000,
        cutAfter: (offset) => (offset * 5 + seed) % 13 === 0,
        restartAfter: (offset) => (offset * 7 + seed) % 37 === 0,
      });
      expect(entryTexts(run.entries)).toEqual(whole);
    }
  });
});

/** Those that changed since they were taken last: all of them, the first time. */
function pagesOf({ fold: { head, tables } }: FoldRun): Map<string, Uint8Array | undefined> {
  return new Map([...takePages(head, tables)].map(([key, page]) => [key, page?.slice()]));
}
