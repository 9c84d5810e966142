import type { LedgerTotals } from '@millrace/model';
import type { DeadLetterEntry } from '@millrace/wire';
import { expect, it } from 'vitest';
import { APPLIED, type Subject } from './contract-subject.ts';
import {
  addressOf,
  batchOf,
  definitionOf,
  keyOf,
  NOON_US,
  OTHER_LOG_ID,
  SECOND_US,
  seriesOf,
  TENANT,
  totalsOf,
} from './entries.ts';

/** What the ledger tells beside its counts: what was lost, and reasons. */
export function describeLedger(subject: Subject): void {
  const entryOf = (...totals: LedgerTotals[]) => ({
    totals,
    partitionTimeUs: NOON_US,
    watermarkUs: NOON_US - SECOND_US,
    position: 5,
  });
  const letterOf = (reason: string): DeadLetterEntry => ({
    tenant: TENANT,
    reason,
    detail: 'It cannot be.',
    fingerprint: seriesOf('up'),
    timeUs: NOON_US,
    value: 1,
    receivedAtUs: NOON_US,
  });

  it('keeps what was lost beside the counts, also of nobody in particular', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    const lost = totalsOf({ accepted: 10, stored: 7, lost: 3 });
    const nobody = { ...totalsOf({ accepted: 4, lost: 4 }), tenant: '' };
    await store.apply(batchOf({ to: addressOf(5) }, { ledger: [entryOf(lost, nobody)] }));
    expect(new Set(await harness.ledger(0))).toEqual(new Set([lost, nobody]));
  });

  it('takes totals that do not tell what was lost', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    const { lost: _lost, ...first } = totalsOf({ accepted: 3, stored: 2, dropped: 1 });
    await store.apply(batchOf({ to: addressOf(5) }, { ledger: [entryOf(first)] }));
    expect(await harness.ledger(0)).toEqual([totalsOf({ accepted: 3, stored: 2, dropped: 1 })]);
  });

  it('tells by which rules samples were dropped, the newest totals of all logs', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    const first = totalsOf({ accepted: 3, dropped: 3, droppedBy: [['noise', 3]] });
    const next = totalsOf({
      accepted: 6,
      stored: 1,
      dropped: 5,
      droppedBy: [
        ['debug', 1],
        ['noise', 4],
      ],
    });
    await store.apply(batchOf({ to: addressOf(5) }, { ledger: [entryOf(first)] }));
    const later = { from: addressOf(5), to: addressOf(9) };
    expect(await store.apply(batchOf(later, { ledger: [entryOf(next)] }))).toEqual(APPLIED);
    const other = { logId: OTHER_LOG_ID, logNumber: 2 };
    await store.acceptLog(keyOf(other));
    const again = batchOf({ to: addressOf(3), key: other }, { ledger: [entryOf(first)] });
    expect(await store.apply(again)).toEqual(APPLIED);
    const dropped = { tenant: TENANT, disposition: 'dropped' };
    expect(await harness.reasons(0)).toEqual([
      { ...dropped, reason: 'debug', samples: 1 },
      { ...dropped, reason: 'noise', samples: 7 },
    ]);
    expect(await harness.reasons(1)).toEqual([]);
  });

  it('tells the reasons of dead letters as they come', async () => {
    const { harness, store } = subject();
    await store.openMark(keyOf());
    const definitions = [definitionOf('up')];
    const deadLetters = ['bad', 'worse', 'bad'].map(letterOf);
    const ledger = [entryOf(totalsOf({ accepted: 3, deadLetter: 3 }))];
    await store.apply(batchOf({ to: addressOf(5) }, { definitions, deadLetters, ledger }));
    const dead = { tenant: TENANT, disposition: 'dead_letter' };
    expect(await harness.reasons(0)).toEqual([
      { ...dead, reason: 'bad', samples: 2 },
      { ...dead, reason: 'worse', samples: 1 },
    ]);
  });
}
