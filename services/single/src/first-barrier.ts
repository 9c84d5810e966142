import { FOLD_VERSION } from '@millrace/transformer';
import { DEFAULT_FOLD_SETTINGS, EventsRecordKind, type BarrierRecord } from '@millrace/wire';
import type { RulesInForce } from './rules-in-force.ts';

const FIRST_BARRIER_NUMBER = 1;

/** What a new log begins with: the rules and settings that it is folded by. */
export function firstBarrier({ rules }: RulesInForce): BarrierRecord {
  return {
    kind: EventsRecordKind.barrier,
    number: FIRST_BARRIER_NUMBER,
    foldVersion: FOLD_VERSION,
    settings: DEFAULT_FOLD_SETTINGS,
    rules,
  };
}
