import type { AuditParts, CheckedReport } from '../audit.ts';
import { Findings } from '../findings.ts';
import { shownLedger } from '../ledger/compare-ledger.ts';
import { roundsOf } from '../plain-round.ts';
import { SeriesNames } from '../series-names.ts';
import { compareTotals } from './compare-totals.ts';
import { deepRound, type DeepResult } from './deep-round.ts';

/** Digests of pieces and definitions are held beside the samples. */
const SHARE_OF_SAMPLES = 2;

/** Folds the log with the production code, and compares every entry with what is stored. */
export async function checkDeep(parts: AuditParts): Promise<CheckedReport> {
  const { plan, settings } = parts;
  const findings = new Findings();
  const names = new SeriesNames(parts.stream);
  const samplesMax = Math.ceil(settings.samplesMax / SHARE_OF_SAMPLES);
  const rounds = roundsOf(plan, { ...settings, samplesMax });
  const results: DeepResult[] = [];
  for (let round = 0; round < rounds; round += 1) {
    results.push(await deepRound(parts, { round, rounds, findings, names }));
  }
  const notProven = results.flatMap((result) => result.notProven);
  const partitions = plan.partitions.map((one, i) => {
    const { partition, logId, mark, position } = one;
    const folded = results.map((result) => result.partitions[i]!);
    const { to, samples } = folded[0]!;
    if (mark.offset === 0) notProven.push(`Partition ${partition}: nothing of it is stored yet.`);
    if (one.hasOtherLogs) {
      notProven.push(
        `Partition ${partition}: the store has rows of another log as well; it is proven that ` +
          'none of this one is missing, and not that none is too many.',
      );
    }
    if (to < mark.offset) {
      findings.add('log_short', {
        ...{ partition, offset: to, expected: String(mark.offset), found: String(to) },
        message:
          `The log of partition ${partition} ends at position ${to}; the store has applied ` +
          `records up to ${mark.offset}.`,
      });
    } else if (position !== undefined) compareTotals(one, folded, findings);
    return {
      ...{ partition, logId, from: 0, to: Math.min(to, mark.offset), position, records: to },
      ...{ samples, appendedAgain: 0 },
    };
  });
  const rows: Record<string, number> = {};
  for (const result of results) {
    for (const [name, count] of Object.entries(result.rows)) rows[name] = (rows[name] ?? 0) + count;
  }
  const found = findings.list();
  return {
    ...{ format: 1, outcome: found.length === 0 ? 'proven' : 'broken', mode: 'deep' },
    ...{ since: undefined, until: undefined, tenant: undefined },
    partitions,
    ledger: plan.partitions.flatMap(({ totals }) => totals.map(shownLedger)),
    ...{ rows, notProven, notes: [], findings: found },
  };
}
