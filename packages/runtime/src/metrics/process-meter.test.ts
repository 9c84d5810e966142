import { expect, test } from 'vitest';
import { createMeter, type Meter } from './meter.ts';
import { createProcessMeter, measureThread } from './process-meter.ts';

async function valueOf(meter: Meter, name: string): Promise<number> {
  return (await meter.measurements()).find((one) => one.name === name)?.value ?? NaN;
}

function burn(ms: number): void {
  const { user } = process.cpuUsage();
  while (process.cpuUsage().user - user < 1000 * ms);
}

test('the processor time of the process only grows, and is counted once', async () => {
  const meter = createProcessMeter();
  const name = 'millrace_process_cpu_seconds_total';
  const before = await valueOf(meter, name);
  burn(30);
  const after = await valueOf(meter, name);
  expect(after - before).toBeGreaterThanOrEqual(0.03);
  const { user, system } = process.cpuUsage();
  expect(after).toBeLessThanOrEqual((user + system) / 1e6);
});

test.runIf(process.platform === 'linux')('a thread tells its own processor time', async () => {
  const meter = createMeter();
  measureThread('example', meter);
  const name = 'millrace_example_thread_cpu_seconds_total';
  const before = await valueOf(meter, name);
  burn(50);
  expect((await valueOf(meter, name)) - before).toBeGreaterThanOrEqual(0.03);
});
