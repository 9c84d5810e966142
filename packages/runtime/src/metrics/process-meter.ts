import { readFileSync } from 'node:fs';
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
  meter.counter({
    name: 'millrace_process_cpu_seconds_total',
    help: 'Processor time of all threads.',
    collect: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  });
  return meter;
}

/** Memory, delays and processor time of this thread: each has an event loop and a heap of its own. */
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
  if (threadCpuSeconds() === undefined) return;
  meter.counter({
    name: `millrace_${name}_thread_cpu_seconds_total`,
    help: 'Processor time of this thread, without the helpers that collect garbage for all.',
    collect: () => threadCpuSeconds() ?? 0,
  });
}

/** Of /proc/thread-self/stat, counted from the state, which is the first field behind the name. */
const CPU_TICKS = [11, 12];
/** Linux tells user space so whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Undefined where nothing tells: Node itself does so only from version 24 on. */
function threadCpuSeconds(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  let text: string;
  try {
    text = readFileSync('/proc/thread-self/stat', 'utf8');
  } catch {
    // A container without /proc: a figure less, and no reason not to run.
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return CPU_TICKS.reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS_PER_SECOND;
}
