import { SampleFlag, SampleKind, type LedgerTotals } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import {
  EntryType,
  EventsRecordKind,
  REDRIVE_PROTOCOL,
  type AddressedEntry,
  type BarrierRecord,
  type LedgerEntry,
} from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { dataRecord, type TestPart, type TestSample } from '../testing/data-record.ts';
import { logStart, runFold, type LoggedRecord } from '../testing/fold-run.ts';
import { RuleVersions } from '../testing/rule-versions.ts';

const SECOND = 1_000_000;
const T0 = 1_700_000_000 * SECOND;
const sum = { widths: ['1m'], aggregates: ['sum', 'count'] };
const RULES: RuleFile = {
  rules: [
    { name: 'away', match: 'm1', ...sum, keep_raw: false },
    { name: 'noise', match: '{job="b"}', drop: true },
  ],
};

const sample = (name: string, job: string, more: Partial<TestSample> = {}): TestSample => ({
  labels: { __name__: name, job },
  timeUs: T0,
  value: 1,
  ...more,
});
let sequence = 0;
function part(samples: TestSample[], more: Partial<TestPart> = {}): LoggedRecord {
  sequence += 1;
  const record = dataRecord({ samples, receivedAtUs: T0, sequence, ...more });
  return { record, appendTimeUs: T0 };
}
const tick = (seconds: number): LoggedRecord => {
  const timeUs = T0 + seconds * SECOND;
  return { record: { kind: EventsRecordKind.tick, receivedAtUs: timeUs }, appendTimeUs: timeUs };
};
const ofType = (entries: AddressedEntry[], type: EntryType): unknown[] =>
  entries.filter((entry) => entry.type === type).map(({ value }) => value);
const newest = (entries: AddressedEntry[]): LedgerTotals =>
  (ofType(entries, EntryType.ledger) as LedgerEntry[]).flatMap(({ totals }) => totals).at(-1)!;

describe('samples that a rule drops', () => {
  it('are counted by the rule, and neither kept, defined nor folded', () => {
    const { entries } = runFold([
      ...logStart(RULES),
      part([
        sample('m0', 'b'),
        sample('m1', 'b'),
        sample('m0', 'b'),
        sample('ev', 'b', { kind: SampleKind.event }),
        sample('m0', 'a'),
        sample('m1', 'a', { stale: true, value: NaN }),
      ]),
      tick(2),
    ]);
    expect(newest(entries)).toMatchObject({
      accepted: 6,
      stored: 1,
      duplicate: 1,
      dropped: 4,
      droppedBy: [
        ['away', 1],
        ['noise', 3],
      ],
      lost: 0,
    });
    expect(ofType(entries, EntryType.sample)).toHaveLength(1);
    // The one that is kept, and what the stale marker would be aggregated into.
    expect(ofType(entries, EntryType.definition)).toHaveLength(2);
  });

  it('are dropped also where they are too old to be told from duplicates', () => {
    const old = { timeUs: T0 - 500 * SECOND };
    const start = logStart(RULES, { rememberedTimesMax: 1, gapsMax: 0 });
    const remembered = [-3, -2, -1].map((n) => sample('m0', 'b', { timeUs: T0 + n * SECOND }));
    const { entries } = runFold([...start, part([...remembered, sample('m0', 'b', old)]), tick(2)]);
    expect(newest(entries)).toMatchObject({ accepted: 4, dropped: 4, unverified: 0 });
    expect(ofType(entries, EntryType.unverified)).toEqual([]);
  });

  it('still complete windows that began before they were', () => {
    const start = logStart({ rules: [{ name: 'r', match: 'm0', by: [], ...sum }] });
    const versions = new RuleVersions(start[1]!.record as BarrierRecord);
    const dropping = versions.next({
      rules: [
        { name: 'r', match: 'm0', by: [], ...sum },
        { name: 'noise', match: '{job="b"}', drop: true },
      ],
    });
    const { entries, fold } = runFold([
      ...start,
      part([sample('m0', 'b')]),
      { record: dropping, appendTimeUs: T0 },
      part([sample('m0', 'b', { timeUs: T0 + SECOND })]),
      tick(2),
    ]);
    expect(newest(entries)).toMatchObject({ stored: 1, dropped: 1, droppedBy: [['noise', 1]] });
    const { windows, editions } = fold.tables!;
    const counts = windows.pieces.used().map((slot) => windows.entry(slot));
    const retired = counts.filter(({ edition }) => editions.plans.get(edition)!.untilUs < Infinity);
    // The rule, and the roll-up in both widths; nothing reaches the editions in force.
    expect(retired.map(({ count }) => count)).toEqual([2, 2, 2]);
    expect(counts).toHaveLength(3);
  });

  it('are refused under fold version 1, before anything changes', () => {
    const log = logStart(RULES, {}, 1);
    expect(() => runFold(log)).toThrow(expect.objectContaining({ code: 'FOLD_SETTINGS' }));
  });
});

describe('dead letters that are sent again', () => {
  const again = (samples: TestSample[], key: string) =>
    part(samples, { protocol: REDRIVE_PROTOCOL, identity: { kind: 'key', key } });

  it('go to the store once more, once for each request, and into no window', () => {
    const first = [sample('m0', 'a'), sample('ev', 'a', { kind: SampleKind.event })];
    const { entries, fold } = runFold([
      ...logStart(RULES),
      part(first),
      again([first[0]!], 'letter 1'),
      again([first[0]!], 'letter 1'),
      again([first[1]!], 'letter 2'),
      tick(2),
    ]);
    // The store moves the unverified one to stored, or to duplicate when it has it.
    expect(newest(entries)).toMatchObject({ accepted: 5, stored: 3, unverified: 1, duplicate: 1 });
    const flags = ofType(entries, EntryType.sample).map((value) => (value as number[])[3]!);
    expect(flags).toEqual([0, 0, SampleFlag.unverified, 0]);
    const { windows } = fold.tables!;
    const pieces = windows.pieces.used().map((slot) => windows.entry(slot));
    expect(pieces.map(({ count, marked }) => [count, marked])).toEqual([
      [1, false],
      [1, false],
      [1, false],
      [1, false],
    ]);
  });

  it('keep to the rules in force now', () => {
    const { entries } = runFold([
      ...logStart(RULES),
      again([sample('m0', 'b')], 'letter 1'),
      again([sample('m1', 'a')], 'letter 2'),
      tick(2),
    ]);
    expect(newest(entries)).toMatchObject({ accepted: 2, dropped: 1, unverified: 1 });
    expect(ofType(entries, EntryType.unverified)).toHaveLength(1);
    expect(ofType(entries, EntryType.sample)).toEqual([]);
  });

  it('are nothing special under fold version 1', () => {
    const { entries } = runFold([
      ...logStart(undefined, {}, 1),
      part([sample('m0', 'a')]),
      again([sample('m0', 'a')], 'letter 1'),
      tick(2),
    ]);
    expect(newest(entries)).toMatchObject({ stored: 1, duplicate: 1 });
    expect(newest(entries)).not.toHaveProperty('lost');
  });
});

describe('another fold version', () => {
  it('counts losses and reasons from its barrier on, and keeps what was counted', () => {
    const start = logStart({ rules: [RULES.rules[0]!] }, {}, 1);
    const first = start[1]!.record as BarrierRecord;
    const next: BarrierRecord = { ...first, number: 9, after: 1, foldVersion: 2 };
    const stale = (seconds: number) =>
      sample('m1', 'a', { stale: true, value: NaN, timeUs: T0 + seconds * SECOND });
    const lost = { acknowledged: { samples: 50, from: 2 }, cumulativeSamples: 51 };
    const log = [
      ...start,
      part([stale(0)]),
      // Under version 1 nobody counts what is missing here.
      part([stale(1)], lost),
      tick(2),
      { record: next, appendTimeUs: T0 },
      part([stale(2)], { acknowledged: { samples: 51, from: 2 }, cumulativeSamples: 52 }),
      part([stale(3)], { acknowledged: { samples: 57, from: 2 }, cumulativeSamples: 58 }),
      tick(4),
    ];
    const { entries } = runFold(log);
    const [before, after] = (ofType(entries, EntryType.ledger) as LedgerEntry[]).map(
      ({ totals }) => totals[0],
    );
    expect(before).toEqual({ ...ZERO, accepted: 2, dropped: 2 });
    expect(after).toEqual({
      ...ZERO,
      accepted: 9,
      dropped: 4,
      droppedBy: [['away', 2]],
      lost: 5,
    });
    const restarted = runFold(log, { restartAfter: () => true });
    expect(newest(restarted.entries)).toEqual(after);
  });
});

const ZERO: LedgerTotals = {
  tenant: 'default',
  accepted: 0,
  stored: 0,
  duplicate: 0,
  conflict: 0,
  dropped: 0,
  unverified: 0,
  deadLetter: 0,
};
