import { describe, expect, it } from 'vitest';
import type { EventsAnswer } from './http/push-answer.ts';
import type { PositionsAnswer } from './http/positions-route.ts';
import { encodeToken } from './token.ts';
import type { StoredPositions } from './positions/stored-positions.ts';
import { eventually } from './testing/eventually.ts';
import { useReceivers } from './testing/use-receivers.ts';

const start = useReceivers();
const sample = { name: 'a', value: 1, time: 1_700_000_000_000 };
const LOG_ID = 'ab'.repeat(16);
const logIds = Array.from({ length: 4 }, () => LOG_ID);

/** A store whose progress a test decides. */
class TestStore implements StoredPositions {
  readonly #positions = new Map<number, number>();
  #waiters: { partition: number; position: number; resolve: () => void }[] = [];

  get waiting(): number {
    return this.#waiters.length;
  }

  position(partition: number): number {
    return this.#positions.get(partition) ?? 0;
  }

  advance(partition: number, position: number): void {
    this.#positions.set(partition, position);
    for (const waiter of this.#waiters) {
      if (this.position(waiter.partition) >= waiter.position) waiter.resolve();
    }
  }

  async wait(partition: number, position: number, signal: AbortSignal): Promise<void> {
    if (this.position(partition) >= position) return;
    await new Promise<void>((resolve, reject) => {
      const waiter = { partition, position, resolve: () => end(resolve) };
      const end = (then: () => void): void => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        then();
      };
      this.#waiters.push(waiter);
      signal.addEventListener('abort', () => end(() => reject(signal.reason as Error)));
    });
  }
}

async function startWith(stored?: StoredPositions, settings = {}) {
  const components = stored === undefined ? { logIds } : { stored, logIds };
  const receiver = await start({ components, settings });
  const headers = { 'content-type': 'application/json' };
  return {
    ...receiver,
    ask: async (query: string) => await fetch(`${receiver.url}/api/v1/positions?${query}`),
    waitingPush: async (query: string) =>
      await receiver.post(`/v1/events?${query}`, JSON.stringify(sample), headers),
  };
}

async function startWithStore(settings = {}) {
  const stored = new TestStore();
  return { ...(await startWith(stored, settings)), stored };
}

describe('wait=stored of a push', () => {
  it('answers once the store has what was accepted', async () => {
    const { waitingPush, stored, records } = await startWithStore();
    const response = waitingPush('wait=stored&timeout=60s');
    await eventually(() => stored.waiting === 1);
    expect(await records()).toHaveLength(1);
    for (let partition = 0; partition < 4; partition += 1) stored.advance(partition, 1);
    const answer = (await (await response).json()) as EventsAnswer;
    expect(answer).toMatchObject({ accepted: 1, stored: true });
    expect(stored.waiting).toBe(0);
  });

  it('is still an acknowledgement when the time is over', async () => {
    const { waitingPush, stored } = await startWithStore();
    const response = await waitingPush('wait=stored&timeout=10ms');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ accepted: 1, stored: false });
    expect(stored.waiting).toBe(0);
  });

  it('is still an acknowledgement when the store cannot be asked', async () => {
    const stored: StoredPositions = {
      position: () => 0,
      wait: async () => {
        throw new Error('no connection');
      },
    };
    const { waitingPush } = await startWith(stored);
    const response = await waitingPush('wait=stored');
    expect(await response.json()).toMatchObject({ accepted: 1, stored: false });
  });

  it('is over when the receiver stops', async () => {
    const { waitingPush, stored, receiver } = await startWithStore();
    const response = waitingPush('wait=stored&timeout=60s');
    await eventually(() => stored.waiting === 1);
    await receiver.stop();
    expect(await (await response).json()).toMatchObject({ accepted: 1, stored: false });
  });

  it('is refused before anything is kept when there is no view of the store', async () => {
    const { waitingPush, records } = await startWith();
    const response = await waitingPush('wait=stored');
    expect(response.status).toBe(501);
    expect(await response.json()).toMatchObject({ code: 'wait_unavailable' });
    expect(await records()).toEqual([]);
  });

  it('is refused when it is something else', async () => {
    const { waitingPush, records } = await startWithStore();
    for (const query of ['wait=flushed', 'wait=stored&timeout=soon']) {
      const response = await waitingPush(query);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'invalid_parameter' });
    }
    expect(await records()).toEqual([]);
  });
});

describe('GET /api/v1/positions', () => {
  it('tells whether what a token stands for is stored', async () => {
    const { push, stored, ask } = await startWithStore();
    const { token } = (await (await push(sample)).json()) as EventsAnswer;
    const before = (await (await ask(`token=${token}`)).json()) as PositionsAnswer;
    expect(before).toEqual({
      stored: false,
      partitions: [
        { partition: expect.any(Number), position: 1, storedPosition: 0, stored: false },
      ],
    });
    const waiting = ask(`token=${token}&wait=stored&timeout=1m`);
    await eventually(() => stored.waiting === 1);
    stored.advance(before.partitions[0]!.partition, 5);
    const after = (await (await waiting).json()) as PositionsAnswer;
    expect(after).toMatchObject({ stored: true, partitions: [{ storedPosition: 5 }] });
  });

  it('stops waiting when its time is over, or its sender gone', async () => {
    const { push, stored, ask, url } = await startWithStore();
    const { token } = (await (await push(sample)).json()) as EventsAnswer;
    const response = await ask(`token=${token}&wait=stored&timeout=5ms`);
    expect(await response.json()).toMatchObject({ stored: false });
    const gone = new AbortController();
    const left = fetch(`${url}/api/v1/positions?token=${token}&wait=stored&timeout=1m`, {
      signal: gone.signal,
    }).catch((error: unknown) => error);
    await eventually(() => stored.waiting === 1);
    gone.abort();
    await left;
    await eventually(() => stored.waiting === 0);
  });

  it('lets only so many wait', async () => {
    const { push, stored, ask, waitingPush } = await startWithStore({ waitersMax: 1 });
    const { token } = (await (await push(sample)).json()) as EventsAnswer;
    const first = ask(`token=${token}&wait=stored&timeout=1m`);
    await eventually(() => stored.waiting === 1);
    const second = await ask(`token=${token}&wait=stored`);
    expect(second.status).toBe(503);
    expect(second.headers.get('retry-after')).toBe('1');
    const pushed = await waitingPush('wait=stored');
    expect(await pushed.json()).toMatchObject({ accepted: 1, stored: false });
    for (let partition = 0; partition < 4; partition += 1) stored.advance(partition, 9);
    expect(await (await first).json()).toMatchObject({ stored: true });
  });

  it('refuses a token that no receiver gave, or one of another log', async () => {
    const { ask } = await startWithStore();
    const otherLog = encodeToken([{ partition: 0, position: 1, logId: 'cd'.repeat(16) }]);
    const otherP = encodeToken([{ partition: 99, position: 1, logId: undefined }]);
    for (const query of ['', 'token=', 'token=nonsense', `token=${otherLog}`, `token=${otherP}`]) {
      const response = await ask(query);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'invalid_token' });
    }
  });
});
