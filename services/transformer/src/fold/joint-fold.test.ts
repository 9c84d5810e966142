import { compileRules, type CompiledRules, type RuleFile } from '@millrace/rules';
import { describe, expect, it } from 'vitest';
import type { Job } from '../jobs/job.ts';
import { entryTexts } from '../testing/fold-run.ts';
import { runJob } from '../testing/job-run.ts';
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
