import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import {
  createMeter,
  systemClock,
  type Clock,
  type Log,
  type Meter,
  type Stage,
} from '@millrace/runtime';
import { createConsoleLog } from '../console-log.ts';
import type { StageThread, Supervisor, ThreadData } from './thread-data.ts';
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
  build: (host: ThreadHost) => Omit<T, 'measure' | 'exposition'>,
): void {
  if (parentPort === null) throw new Error('a stage thread was started outside of a worker');
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
  const run = (stage: Stage): void => {
    stage.run().catch(async (error: unknown) => {
      await supervisor.call('failed', toSentError(error));
    });
  };
  Object.assign(own, build({ data, clock: systemClock, log, meter, supervisor, run }));
}

/** Memory and delays of this thread: each has an event loop and a heap of its own. */
export function measureThread(name: string, meter: Meter): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  meter.gauge({
    name: `millrace_${name}_event_loop_delay_seconds`,
    help: 'The 99th percentile of the delay of the event loop since the last look.',
    collect: () => {
      // Nothing was sampled yet: its percentiles are NaN or 0 then.
      const seconds = delay.percentile(99) / 1e9;
      delay.reset();
      return Number.isFinite(seconds) ? seconds : 0;
    },
  });
  meter.gauge({
    name: `millrace_${name}_heap_bytes`,
    help: 'Bytes of the JavaScript heap in use.',
    collect: () => process.memoryUsage().heapUsed,
  });
  meter.gauge({
    name: `millrace_${name}_external_bytes`,
    help: 'Bytes outside of the JavaScript heap that its objects hold: buffers and columns.',
    collect: () => process.memoryUsage().external,
  });
}
