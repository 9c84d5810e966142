import { afterEach, expect, test, vi } from 'vitest';
import { freePort } from '../testing/free-port.ts';
import { systemClock } from '../time/clock.ts';
import { MillraceError } from '../errors.ts';
import { startHealthServer } from '../health/health-server.ts';
import { runStageProcess, type HostedStage, type StageHost } from './stage-process.ts';

const stoppings: AbortController[] = [];
afterEach(() => {
  for (const stopping of stoppings.splice(0)) stopping.abort();
});

/** Runs until it is told to stop. */
class TestStage implements HostedStage {
  isStopped = false;
  end: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.end();
  }
}

async function begin(
  compose: (host: StageHost) => Promise<HostedStage>,
  params: Readonly<{ stopMsMax?: number; takesData?: boolean }> = {},
) {
  const port = await freePort();
  const stopping = new AbortController();
  stoppings.push(stopping);
  const { stopMsMax = 5000, takesData = false } = params;
  const over = runStageProcess(
    {
      name: 'writer',
      settings: {
        insecure: false,
        stopMsMax,
        http: { host: '127.0.0.1', port },
        logging: { level: 'silent', format: 'json' },
      },
      port,
      takesData,
      stopping: stopping.signal,
      colours: false,
    },
    compose,
  );
  over.catch(() => undefined);
  const ready = async (): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    return [answer.status, await answer.json()];
  };
  const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5000, interval: 5 });
  return { over, stopping, ready, port, until };
}

test('it answers while it waits, tells what it waits for, then what its stage tells', async () => {
  const stage = new TestStage();
  let arrive: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const { over, stopping, ready, until } = await begin(async (host) => {
    await host.wait.until('kafka', () => arrived);
    host.show({ health: () => ({ ready: true, dependencies: [] }), status: () => 1 });
    return stage;
  });
  const waiting = [{ name: 'kafka', state: 'down', detail: 'It is being looked for.' }];
  await until(async () => {
    expect(await ready()).toEqual([503, { ready: false, dependencies: waiting }]);
  });
  arrive();
  await until(async () => expect(await ready()).toEqual([200, { ready: true, dependencies: [] }]));
  stopping.abort();
  await over;
  expect(stage.isStopped).toBe(true);
  await expect(ready()).rejects.toThrow('fetch failed');
});

test('what was opened is closed in the other order, after the stage, whatever fails', async () => {
  const closed: string[] = [];
  const stage = new TestStage();
  const { over, stopping, ready, until } = await begin(async (host) => {
    for (const name of ['state', 'broken', 'stream']) {
      host.onClose(async () => {
        closed.push(`${name} ${stage.isStopped}`);
        if (name === 'broken') throw new Error('it does not close');
      });
    }
    host.show({ health: () => ({ ready: true, dependencies: [] }), status: () => 1 });
    return stage;
  });
  await until(async () => expect(await ready()).toMatchObject({ 0: 200 }));
  stopping.abort();
  await over;
  expect(closed).toEqual(['stream true', 'broken true', 'state true']);
});

test('it stops while it waits, and in bounded time although something hangs', async () => {
  const away = await begin(async (host) => {
    await host.wait.until('kafka', async () => {
      throw new MillraceError({ code: 'AWAY', kind: 'transient', message: 'It is away.' });
    });
    return new TestStage();
  });
  away.stopping.abort();
  await away.over;
  const hanging = await begin(
    async (host) => {
      host.onClose(() => new Promise(() => undefined));
      return new TestStage();
    },
    { stopMsMax: 20 },
  );
  hanging.stopping.abort();
  expect(await Promise.race([hanging.over, systemClock.sleep(4000).then(() => 'late')])).toBe(
    undefined,
  );
});

test('a stage that breaks down, or just ends, ends the process with an error', async () => {
  const stages = [new TestStage(), new TestStage()];
  const closed: number[] = [];
  for (const [i, stage] of stages.entries()) {
    const { over, until, ready } = await begin(async (host) => {
      host.onClose(async () => closed.push(i));
      host.show({ health: () => ({ ready: true, dependencies: [] }), status: () => 1 });
      return stage;
    });
    await until(async () => expect(await ready()).toMatchObject({ 0: 200 }));
    if (i === 0) stage.fail(new Error('a defect'));
    else stage.end();
    await expect(over).rejects.toThrow(i === 0 ? 'a defect' : 'without having been stopped');
  }
  expect(closed).toEqual([0, 1]);
});

test('a stage with a listener of its own takes over the port', async () => {
  const { ready, until, over, stopping, port } = await begin(
    async (host) => {
      const other = await host.listenInstead((free) =>
        startHealthServer(
          {
            health: () => ({ ready: true, dependencies: [] }),
            status: () => 1,
            exposition: async () => '',
          },
          { host: '127.0.0.1', port: free, log: host.log },
        ),
      );
      expect(other.port).toBe(port);
      host.onClose(() => other.close());
      return new TestStage();
    },
    { takesData: true },
  );
  await until(async () => expect(await ready()).toMatchObject({ 0: 200 }));
  stopping.abort();
  await over;
});
