import { parentPort, workerData } from 'node:worker_threads';
import {
  createConsoleLog,
  createMeter,
  giveWay,
  measureThread,
  systemClock,
  type Clock,
  type Log,
  type Meter,
  type Stage,
} from '@millrace/runtime';
import type { StageThread, Supervisor, ThreadData } from './thread-data.ts';
import { endWhenTold } from './end-thread.ts';
import { createThreadLink, toSentError, type ThreadLink } from './thread-link.ts';

/** What every stage's thread has before its stage. */
export interface ThreadHost {
  data: ThreadData;
  clock: Clock;
  log: Log;
  meter: Meter;
  supervisor: ThreadLink<Supervisor>;
  /** Runs the stage; when it breaks down, the supervisor hears of it. */
  run(stage: Stage): void;
}

/** Answers the supervisor's calls with what `build` returns beside what all threads have. */
export function hostStage<T extends StageThread>(
  /** `measure` and `exposition` where the thread has more to tell than its meter. */
  build: (host: ThreadHost) => Omit<T, 'measure' | 'exposition'> & Partial<StageThread>,
): void {
  if (parentPort === null) throw new Error('a stage thread was started outside of a worker');
  endWhenTold(parentPort);
  const data = workerData as ThreadData;
  const { settings, colours, stage: name } = data;
  const meter = createMeter();
  measureThread(name, meter);
  const own: Record<string, unknown> = {
    measure: () => meter.measurements(),
    exposition: () => meter.exposition(),
  };
  const supervisor = createThreadLink<Supervisor>(parentPort, own);
  const log = createConsoleLog({ logging: settings.logging, colours, fields: { stage: name } });
  // Whoever sends waits for the receiver; what the others do can wait until it sleeps.
  if (name !== 'receiver') giveWay(log);
  const run = (stage: Stage): void => {
    stage.run().catch(async (error: unknown) => {
      await supervisor.call('failed', toSentError(error));
    });
  };
  Object.assign(own, build({ data, clock: systemClock, log, meter, supervisor, run }));
}
