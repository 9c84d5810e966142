import { compileRules } from '@millrace/rules';
import { DEFAULT_FOLD_SETTINGS, encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { simulate } from './sim-run.ts';

const FOREIGN = Buffer.from('{"not":"ours"}');
const CUT_OFF = encodeEventsRecord({ kind: EventsRecordKind.tick, receivedAtUs: 7 }).slice(0, -3);
const UNKNOWN_VERSION = Uint8Array.of(0x93, 9, 2, 0);
const UNKNOWN_FOLD = encodeEventsRecord({
  kind: EventsRecordKind.barrier,
  number: Number.MAX_SAFE_INTEGER,
  after: 0,
  partitions: 2,
  foldVersion: 999,
  settings: DEFAULT_FOLD_SETTINGS,
  rules: compileRules(undefined),
});

const poisons: [name: string, poison: Uint8Array][] = [
  ['that is not ours', FOREIGN],
  ['that is cut off', CUT_OFF],
  ['of a version nobody knows', UNKNOWN_VERSION],
  ['that asks for a fold nobody has', UNKNOWN_FOLD],
];

describe('a record that no receiver would write', () => {
  it.each(poisons)(
    '%s stops its partition with the reason, and harms nothing else',
    async (_name, poison) => {
      // Where nothing is folded any more, nobody finds out that results are missing.
      const fates = { loseResults: 0 };
      const changes = { poison, fates, endsWithReplay: false, endsWithOtherLog: false };
      for (const seed of [1, 2, 3]) {
        const { verdict } = await simulate(seed, changes);
        expect(verdict.problems.slice(0, 3), `seed ${seed}`).toEqual([]);
        expect(verdict.seen.windows).toBeGreaterThan(0);
      }
    },
    60_000,
  );
});
