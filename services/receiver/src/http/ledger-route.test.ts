import { MillraceError } from '@millrace/runtime';
import { ledgerReport, type LedgerRow } from '@millrace/store';
import { describe, expect, it } from 'vitest';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const PATH = '/api/v1/ledger';

const row = (tenant: string, partition: number, more: Partial<LedgerRow> = {}): LedgerRow => ({
  tenant,
  partition,
  accepted: 5,
  stored: 5,
  duplicate: 0,
  conflict: 0,
  dropped: 0,
  unverified: 0,
  deadLetter: 0,
  lost: 0,
  droppedBy: {},
  deadLetterBy: {},
  unaccounted: 0,
  ...more,
});
const position = { partition: 0, logId: 'ab', position: 7, partitionTimeUs: 5, watermarkUs: 4 };

describe('GET /api/v1/ledger', () => {
  it('tells where everything went, in all and of one tenant, and whether it adds up', async () => {
    const rows = [
      row('a', 0, { stored: 3, dropped: 2, droppedBy: { noise: 2 } }),
      row('a', 1, { stored: 4, dropped: 1, droppedBy: { noise: 1 } }),
      row('b', 1, { accepted: 9, lost: 4, unaccounted: 4 }),
    ];
    const ledger = async () => ledgerReport(rows, [position]);
    const { url } = await start({ components: { ledger } });
    expect(await (await fetch(url + PATH)).json()).toEqual({
      addsUp: false,
      rows,
      positions: [position],
      totals: expect.objectContaining({
        accepted: 19,
        stored: 12,
        dropped: 3,
        droppedBy: { noise: 3 },
        lost: 4,
        unaccounted: 4,
      }),
    });
    const one = await (await fetch(`${url}${PATH}?tenant=a`)).json();
    expect(one).toMatchObject({ addsUp: true, rows: rows.slice(0, 2), totals: { accepted: 10 } });
    const nobody = await (await fetch(`${url}${PATH}?tenant=nobody`)).json();
    expect(nobody).toMatchObject({ addsUp: true, rows: [], totals: { accepted: 0 } });
  });

  it('says 503 while the store cannot be asked, and 501 where there is none', async () => {
    const ledger = async () => {
      const message = 'The database is away.';
      throw new MillraceError({ code: 'STORE_UNREACHABLE', kind: 'transient', message });
    };
    const away = await fetch((await start({ components: { ledger } })).url + PATH);
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await away.json()).toMatchObject({ code: 'store_unreachable' });
    const none = await fetch((await start()).url + PATH);
    expect(none.status).toBe(501);
    expect(await none.json()).toMatchObject({ code: 'ledger_unavailable' });
  });
});
