import { SampleKind } from '@millrace/model';
import { EventsRecordKind, type BarrierRecord, type FoldSettings } from '@millrace/wire';
import fc from 'fast-check';
import { dataRecord, type TestSample } from './data-record.ts';
import type { OracleRecord } from './editions-oracle.ts';
import { logStart } from './fold-run.ts';
import { VariedChanges } from './varied-changes.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const T0 = 1_700_000_000 * SECOND;

/** As many times of a series as it remembers: then none is ever unverified. */
const TIMES_MAX = 16;

/** Nothing is forgotten: what is left is what rules do to samples. */
const SETTINGS: Partial<FoldSettings> = { seriesIdleUs: 1e9 * SECOND };

interface Step {
  what: 'samples' | 'barrier' | 'tick';
  waitUs: number;
  /** Draws for whatever the step needs. */
  draws: number[];
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    what: fc.constantFrom('samples' as const, 'samples', 'samples', 'barrier', 'tick'),
    waitUs: fc.constantFrom(SECOND / 2, 3 * SECOND, MINUTE, 20 * MINUTE, HOUR + MINUTE, 9 * HOUR),
    draws: fc.array(fc.nat(1000), { minLength: 12, maxLength: 40 }),
  }),
  { minLength: 5, maxLength: 40 },
);

/**
 * Logs of distinct samples under rules that change: in time, late, or a little ahead, with
 * barriers that repeat and that come too early, and hours that pass.
 */
export const changingLogs: fc.Arbitrary<OracleRecord[]> = steps.map((list) => {
  const pickBy =
    (draws: number[]) =>
    <T>(from: readonly T[]): T =>
      from[(draws.shift() ?? 0) % from.length]!;
  let pick = pickBy([]);
  const log: OracleRecord[] = logStart(undefined, SETTINGS);
  const first = log[1]!.record as BarrierRecord;
  const changes = new VariedChanges(first, { pick: (from) => pick(from), settings: [{}] });
  const seen = new Map<string, Set<number>>();
  let nowUs = T0;

  const sample = (): TestSample[] => {
    const __name__ = pick(['m0', 'm1', 'm2', 'm3', 'other', 'm1']);
    const labels = { __name__, job: pick(['a', 'b']), instance: pick(['x', 'y']) };
    const aheadUs = pick([0, 0, 7, 14, 30, 600, 3000, 20_000, -200]) * -SECOND;
    const timeUs = Math.floor((nowUs + aheadUs) / (7 * SECOND)) * 7 * SECOND;
    const times = seen.get(JSON.stringify(labels)) ?? new Set();
    if (times.has(timeUs) || times.size === TIMES_MAX) return [];
    seen.set(JSON.stringify(labels), times.add(timeUs));
    const kind = KINDS[__name__]!;
    if (pick([0, 0, 0, 0, 0, 1]) === 1) return [{ labels, kind, timeUs, value: NaN, stale: true }];
    return [{ labels, kind, timeUs, value: pick([5, 9, 200, 11, 30]) }];
  };

  for (const [i, { what, waitUs, draws }] of list.entries()) {
    nowUs += waitUs;
    pick = pickBy([...draws]);
    if (what === 'barrier') log.push({ record: changes.next(), appendTimeUs: nowUs });
    if (what === 'tick') log.push(tickAt(nowUs));
    if (what !== 'samples') continue;
    const samples = Array.from({ length: 1 + (draws[0]! % 8) }, sample).flat();
    const record = dataRecord({ samples, receivedAtUs: nowUs, sequence: i + 1 });
    log.push({ record, samples, appendTimeUs: nowUs });
  }
  log.push(tickAt(nowUs + SECOND));
  return log;
});

function tickAt(nowUs: number): OracleRecord {
  return {
    record: { kind: EventsRecordKind.tick, receivedAtUs: nowUs },
    appendTimeUs: nowUs,
  };
}

const KINDS: Record<string, SampleKind> = {
  m0: SampleKind.gauge,
  m1: SampleKind.cumulative,
  m2: SampleKind.unknown,
  m3: SampleKind.delta,
  other: SampleKind.gauge,
};
