import { expect, test } from 'vitest';
import type { LogFields } from '../log/log.ts';
import type { PartitionStatus, StageStatus } from './stage.ts';
import { dependenciesOf, PartitionWatch } from './partition-watch.ts';
import { createTextLog } from '../log/text-log.ts';

const reason = { code: 'WRITER_GAP', message: 'Entries are missing.', remedy: 'Put them back.' };

function writer(partition: Partial<PartitionStatus>): StageStatus {
  const base = { partition: 2, state: 'running', position: 1, endOffset: 1, lagMs: 0 } as const;
  const status = { ...base, ...partition };
  return { stage: 'writer', ready: status.state === 'running', partitions: [status] };
}

function watching(): { watch: PartitionWatch; lines: string[] } {
  const lines: string[] = [];
  const fields: LogFields = {};
  const write = (line: string): void => void lines.push(line);
  const log = createTextLog({ level: 'info', colours: false, fields, write });
  return { watch: new PartitionWatch(log), lines };
}

test('a stop is told once, with its meaning and remedy, and so is its end', () => {
  const { watch, lines } = watching();
  watch.look([writer({})]);
  expect(lines).toEqual([]);
  watch.look([writer({ state: 'stopped', reason })]);
  watch.look([writer({ state: 'stopped', reason })]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/error writer .*stopped.* partition=2 code=WRITER_GAP\n/);
  expect(lines[0]).toMatch(/\n +Entries are missing\.\n +→ Put them back\.\n$/);
  watch.look([writer({})]);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(/info {2}writer .*goes on/);
});

const STORE = { name: 'store', state: 'ok' } as const;

test('readiness shows every reason, and the store', () => {
  const away = { name: 'store', state: 'degraded', detail: 'It does not run yet.' } as const;
  expect(dependenciesOf([writer({ state: 'stopped', reason })], away)).toEqual([
    {
      name: 'writer',
      state: 'degraded',
      detail: 'Partition 2 stopped: WRITER_GAP: Entries are missing. Put them back.',
    },
    away,
  ]);
  expect(dependenciesOf([writer({})], STORE)).toEqual([{ name: 'writer', state: 'ok' }, STORE]);
});

test('a partition that goes on with something wrong degrades its stage, which stays ready', () => {
  const stage = writer({ warning: { code: 'LOST', message: 'Samples are gone.' } });
  expect(stage.ready).toBe(true);
  expect(dependenciesOf([stage], STORE)[0]).toEqual({
    name: 'writer',
    state: 'degraded',
    detail: 'Partition 2: LOST: Samples are gone.',
  });
});

test('what holds up several partitions alike is told once', () => {
  const base = { state: 'waiting', position: 1, endOffset: 1, lagMs: 0 } as const;
  const full = (partition: number, code = 'FULL'): PartitionStatus => {
    const message = `Entries of partition ${partition} wait.`;
    return { ...base, partition, reason: { code, message, remedy: 'Make room.' } };
  };
  const partitions = [full(0), full(1), { ...base, partition: 2 }, full(10, 'AWAY'), full(11)];
  expect(dependenciesOf([{ stage: 'writer', ready: false, partitions }], STORE)[0]?.detail).toBe(
    'Partitions 0, 1 and 11 waiting: FULL: Entries of partition 0 wait. Make room. ' +
      'Partition 10 waiting: AWAY: Entries of partition 10 wait. Make room.',
  );
});
