import { createMeter, type Meter } from '@millrace/runtime';
import { measureThread } from './threads/thread-host.ts';

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
