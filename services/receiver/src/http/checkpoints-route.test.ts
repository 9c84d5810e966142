import type { CheckpointOutcome } from '@millrace/checkpoint';
import { describe, expect, it } from 'vitest';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const PATH = '/api/v1/checkpoints';
const JSON_BODY = { 'content-type': 'application/json' };

describe('POST /api/v1/checkpoints', () => {
  const outcomes: CheckpointOutcome[] = [
    { partition: 0, outcome: 'made', checkpointId: 'ab', position: 7, bytes: 1, tookMs: 2 },
    { partition: 1, outcome: 'failed', code: 'STREAM_FULL', message: 'No room.' },
  ];

  it('lets them be made, and answers what became of each partition', async () => {
    const one = await start({ components: { makeCheckpoints: async () => outcomes } });
    const answer = await one.post(PATH, '{}', JSON_BODY);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ partitions: outcomes });
  });

  it('cannot be sent by a page of another origin', async () => {
    let isAsked = false;
    const makeCheckpoints = async (): Promise<CheckpointOutcome[]> => {
      isAsked = true;
      return [];
    };
    const one = await start({ components: { makeCheckpoints } });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const answer = await one.post(PATH, '{}', { 'content-type': type });
      expect(answer.status).toBe(415);
      expect(await answer.json()).toMatchObject({ code: 'unsupported_media_type' });
    }
    expect(isAsked).toBe(false);
  });

  it('is not there where others have the state', async () => {
    const one = await start();
    expect((await one.post(PATH, '{}', JSON_BODY)).status).toBe(404);
  });
});
