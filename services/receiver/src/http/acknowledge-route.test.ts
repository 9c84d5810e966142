import { readHistory } from '@millrace/control';
import { describe, expect, it } from 'vitest';
import { beginRules } from '../testing/begin-rules.ts';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const PATH = '/api/v1/ledger/acknowledge';
const JSON_TYPE = { 'content-type': 'application/json' };
const LOSS = { partition: 1, logId: 'ab'.repeat(16), samples: 12 };

describe('POST /api/v1/ledger/acknowledge', () => {
  it('notes in the log what is known to be lost', async () => {
    const { stream, post } = await start({ partitions: 2 });
    await beginRules(stream);
    const body = { losses: [LOSS], note: 'disk replaced' };
    const answer = await post(PATH, JSON.stringify(body), JSON_TYPE);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual(body);
    const history = await readHistory(stream);
    expect(history.acknowledged(1, LOSS.logId)).toBe(12);
    expect(history.acknowledged(0, LOSS.logId)).toBe(0);
  });

  it('refuses what does not say which losses', async () => {
    const { stream, post } = await start({ partitions: 2 });
    await beginRules(stream);
    const { end } = await stream.bounds('metrics.control', 0);
    const bad: unknown[] = [
      7,
      {},
      { losses: [] },
      { losses: [LOSS], note: 7 },
      { losses: [LOSS], note: 'x'.repeat(1025) },
      { losses: [LOSS, LOSS] },
      { losses: [{ ...LOSS, partition: 2 }] },
      { losses: [{ ...LOSS, samples: -1 }] },
      { losses: [{ ...LOSS, logId: 'xy' }] },
      { losses: [null] },
    ];
    for (const body of bad) {
      const answer = await post(PATH, JSON.stringify(body), JSON_TYPE);
      expect([body, answer.status]).toEqual([body, 400]);
      expect(await answer.json()).toMatchObject({ code: 'invalid_losses' });
    }
    expect((await post(PATH, '[', JSON_TYPE)).status).toBe(400);
    expect((await post(PATH, JSON.stringify({ losses: [LOSS] }), {})).status).toBe(415);
    expect((await stream.bounds('metrics.control', 0)).end).toBe(end);
  });

  it('says what is missing before there is a log', async () => {
    const { post } = await start({ partitions: 2 });
    const answer = await post(PATH, JSON.stringify({ losses: [LOSS] }), JSON_TYPE);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'control_not_begun' });
  });
});
