import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createMeter, type Meter } from './meter.ts';

/** What the process as a whole uses; its threads measure themselves. */
export function createProcessMeter(): Meter {
  const meter = createMeter();
  measureThread('process', meter);
  meter.gauge({
    name: 'millrace_process_resident_bytes',
    help: 'Memory of this process, without that of PostgreSQL.',
    collect: () => process.memoryUsage.rss(),
  });
  meter.gauge({
    name: 'millrace_process_uptime_seconds',
    help: 'Seconds since the process was started.',
    collect: () => process.uptime(),
  });
  const cpu = meter.counter({
    name: 'millrace_process_cpu_seconds_total',
    help: 'Processor time of all threads.',
  });
  let countedSeconds = 0;
  return {
    ...meter,
    measurements: async () => {
      count();
      return await meter.measurements();
    },
    exposition: async () => {
      count();
      return await meter.exposition();
    },
  };

  function count(): void {
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1e6;
    cpu.add(Math.max(0, seconds - countedSeconds));
    countedSeconds = seconds;
  }
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
