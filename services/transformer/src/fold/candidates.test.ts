import { compileRules, type CompiledRules, type RuleFile } from '@millrace/rules';
import {
  EntryType,
  EventsRecordKind,
  type BarrierRecord,
  type EditionEndEntry,
  type EditionEntry,
} from '@millrace/wire';
import type { Piece } from '@millrace/model';
import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import {
  entryTexts,
  piecesOf,
  runFold,
  type FoldRun,
  type LoggedRecord,
} from '../testing/fold-run.ts';
import { VARIED_RULES, variedLog } from '../testing/varied-log.ts';

const OTHER_RULES: RuleFile = {
  rules: [
    { name: 'other', match: '{}', by: ['job'], widths: ['20s', '1m'], aggregates: ['sum', 'rate'] },
    { name: 'gone', match: '{job="a"}', drop: true },
  ],
};

function numbered(file: RuleFile, first: number): CompiledRules {
  const { version, rules } = compileRules(file);
  return { version, rules: rules.map((rule, i) => ({ ...rule, edition: first + i })) };
}

const OTHER = numbered(OTHER_RULES, 100);
const editionsOf = ({ rules }: CompiledRules): number[] =>
  rules.filter(({ drop }) => drop !== true).map(({ edition }) => edition);

/** A log in whose middle the rules change, and what they are from the start. */
function logOf(seed: number) {
  const log = variedLog(seed, { records: 120 });
  const first = log[1]!.record as BarrierRecord;
  const mine = first.rules as CompiledRules;
  const barrier = (number: number, rules: CompiledRules, beside: CompiledRules[]): LoggedRecord => {
    const candidates = beside.map((one, i) => ({ number: 1000 + i, rules: one }));
    const record: BarrierRecord = { ...first, number, after: number - 1, rules, candidates };
    return { record, appendTimeUs: 0 };
  };
  const put = (at: number, ...records: LoggedRecord[]): LoggedRecord[] =>
    log.splice(at, 0, ...records);
  return { log, mine, barrier, put };
}

function piecesIn(run: FoldRun, editions: readonly number[]): string[] {
  const pieces = piecesOf(run.entries).filter(({ edition }) => editions.includes(edition));
  return pieces.map((piece: Piece) => Buffer.from(encode(piece)).toString('base64')).sort();
}

const of = <T>({ entries }: FoldRun, wanted: EntryType): T[] =>
  entries.filter(({ type }) => type === wanted).map(({ value }) => value as T);

describe('rules that are folded beside those in force', () => {
  it.each([1, 2, 3, 4, 5, 6])('get what they would get in force (log %i)', (seed) => {
    const beside = logOf(seed);
    beside.put(60, beside.barrier(2, beside.mine, [OTHER]));
    const inForce = logOf(seed);
    inForce.put(60, inForce.barrier(2, OTHER, [inForce.mine]));
    const [a, b] = [runFold(beside.log), runFold(inForce.log)];
    for (const editions of [editionsOf(OTHER), editionsOf(beside.mine)]) {
      const pieces = piecesIn(a, editions);
      expect(pieces.length).toBeGreaterThan(0);
      expect(pieces).toEqual(piecesIn(b, editions));
    }
    // What becomes of a sample is up to the rules in force.
    const alone = runFold(logOf(seed).log);
    const counts = (run: FoldRun) => run.fold.tables!.ledger.save();
    expect(counts(a)).toEqual(counts(alone));
    expect(counts(b)).not.toEqual(counts(alone));
    expect(entryTexts(runFold(beside.log, { restartAfter: () => true }).entries)).toEqual(
      entryTexts(a.entries),
    );
  });

  it('change places with them without a beginning or an end', () => {
    const { log, mine, barrier, put } = logOf(7);
    put(80, barrier(3, OTHER, [mine]));
    put(40, barrier(2, mine, [OTHER]));
    const run = runFold(log, { restartAfter: (offset) => offset % 9 === 0 });
    const begun = of<EditionEntry>(run, EntryType.edition);
    expect(begun.map(({ edition, candidate }) => [edition, candidate])).toEqual([
      ...editionsOf(mine).map((edition) => [edition, undefined]),
      ...editionsOf(OTHER).map((edition) => [edition, 1000]),
    ]);
    expect(of<EditionEndEntry>(run, EntryType.editionEnd)).toEqual([]);
    const stay = logOf(7);
    stay.put(40, stay.barrier(2, stay.mine, [OTHER]));
    stay.put(81, { record: { kind: EventsRecordKind.tick, receivedAtUs: 0 }, appendTimeUs: 0 });
    const all = [...editionsOf(mine), ...editionsOf(OTHER)];
    expect(piecesIn(run, all)).toEqual(piecesIn(runFold(stay.log), all));
  });

  it('end at once when they are dropped: all that is open is put out', () => {
    const { log, mine, barrier, put } = logOf(8);
    put(80, barrier(3, mine, []));
    put(40, barrier(2, mine, [OTHER]));
    const run = runFold(log);
    const ends = of<EditionEndEntry>(run, EntryType.editionEnd);
    expect(ends.map(({ edition, position }) => [edition, position])).toEqual(
      editionsOf(OTHER).map((edition) => [edition, 81]),
    );
    const after = run.entries.filter(({ address }) => address.offset > 81);
    const touched = piecesOf(after).map(({ edition }) => edition);
    expect(touched.filter((edition) => edition >= 100)).toEqual([]);
    expect(run.fold.tables!.editions.plans.has(100)).toBe(false);
  });

  it('are refused when an edition of them means something else', () => {
    const { log, mine, barrier, put } = logOf(9);
    put(40, barrier(2, mine, [mine]));
    expect(() => runFold(log)).toThrow(/edition 1 /);
    const other = logOf(9);
    other.put(50, other.barrier(3, other.mine, [numbered(VARIED_RULES, 100)]));
    other.put(40, other.barrier(2, other.mine, [OTHER]));
    expect(() => runFold(other.log)).toThrow(/edition 10\d with another meaning/);
  });
});
