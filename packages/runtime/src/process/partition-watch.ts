import type { Dependency } from '../health/health.ts';
import type { Log } from '../log/log.ts';
import type { PartitionStatus, StageStatus } from './stage.ts';
import { partitionsText, toldTogether } from './told-together.ts';

/**
 * Tells a person once when a partition stops or has to wait, with what that means for the data
 * and what to do, and once when it goes on.
 */
export class PartitionWatch {
  readonly #log: Log;
  readonly #told = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  look(stages: readonly StageStatus[]): void {
    for (const { stage, partitions } of stages) {
      for (const partition of partitions) this.#lookAt(stage, partition);
    }
  }

  #lookAt(stage: StageStatus['stage'], status: PartitionStatus): void {
    const { partition, state, reason } = status;
    const key = `${stage}/${partition}`;
    const now = reason === undefined ? '' : `${state} ${reason.code}`;
    const before = this.#told.get(key) ?? '';
    if (now === before) return;
    this.#told.set(key, now);
    const log = this.#log.child({ stage, partition });
    if (reason === undefined) {
      log.info({}, 'The partition goes on.');
      return;
    }
    const fields = { code: reason.code, means: reason.message, remedy: reason.remedy };
    if (state === 'stopped') log.error(fields, 'The partition has stopped.');
    else log.warn(fields, 'The partition waits.');
  }
}

/** What `/readyz` shows of the stages behind the log. */
export function dependenciesOf(stages: readonly StageStatus[], store: Dependency): Dependency[] {
  const behind = stages.filter(({ stage }) => stage !== 'receiver').map(dependencyOf);
  return [...behind, store, ...stages.flatMap(archiveDependencies)];
}

/** Where there is an archive: while it cannot be reached, the log forgets nothing. */
export function archiveDependencies({ archive }: StageStatus): Dependency[] {
  if (archive === undefined) return [];
  const held = archive.find(({ reason }) => reason !== undefined);
  if (held?.reason === undefined) return [{ name: 'archive', state: 'ok' }];
  const { code, message, remedy = '' } = held.reason;
  const detail = `Partition ${held.partition}: ${code}: ${message} ${remedy}`.trim();
  return [{ name: 'archive', state: 'degraded', detail }];
}

/** One stage, as `/readyz` shows it; with the reasons of those partitions that have one. */
export function dependencyOf({ stage, ready, partitions }: StageStatus): Dependency {
  const reasons = toldTogether(partitions).map((one) => {
    const { code, message, remedy } = one.told;
    const at = one.isWarning ? '' : ` ${one.state}`;
    const which = partitionsText(one.partitions).replace('p', 'P');
    return `${which}${at}: ${code}: ${message} ${remedy ?? ''}`.trim();
  });
  if (ready && reasons.length === 0) return { name: stage, state: 'ok' };
  const detail = reasons.length === 0 ? 'It is starting.' : reasons.join(' ');
  return { name: stage, state: 'degraded', detail };
}
