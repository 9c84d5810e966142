import {
  archiveDependencies,
  dependencyOf,
  PartitionWatch,
  type Clock,
  type Dependency,
  type Health,
  type HostedStage,
  type Log,
  type PartitionedStage,
  type StageStatus,
} from '@millrace/runtime';
import type { PartitionGroup, PartitionGroupStatus } from '../partition-group.ts';

/** A stage that works on what its process has of a group's partitions. */
export interface SharedStage extends HostedStage {
  health(): Health;
  status(): StageStatus & { group: PartitionGroupStatus };
}

interface SharedStageComponents {
  stage: PartitionedStage;
  group: PartitionGroup;
  clock: Clock;
  log: Log;
  /** What else the stage needs: while it is not there, the stage is not ready. */
  needs?: () => Dependency;
}

/** How often a person is told what keeps a partition. */
const LOOK_MS = 1000;

/**
 * Lets the group say what the stage owns. Stopping lets everything go first, then leaves the
 * group, so that others go on where this process ended and not where it last committed.
 *
 * `adviseMs`: how often the group is told how far its partitions are.
 */
export function createSharedStage(
  components: SharedStageComponents,
  settings: Readonly<{ adviseMs: number }>,
): SharedStage {
  const { stage, group, clock, log, needs } = components;
  const stopping = new AbortController();
  const watch = new PartitionWatch(log);
  let wasMember = false;
  const isShared = (): boolean => {
    const { state } = group.status();
    wasMember ||= state === 'member';
    // While the group is formed anew everybody goes on with what he has.
    return state === 'member' || (state === 'joining' && wasMember);
  };
  const repeatedly = async (ms: number, act: () => Promise<void> | void): Promise<void> => {
    while (!stopping.signal.aborted) {
      await act();
      await clock.sleep(ms, stopping.signal).catch(() => undefined);
    }
  };
  const advise = async (): Promise<void> => {
    const running = stage.status().partitions.filter(({ state }) => state === 'running');
    if (running.length === 0) return;
    await group.advise(new Map(running.map(({ partition, position }) => [partition, position])));
  };
  const stop = async (): Promise<void> => {
    stopping.abort();
    await group.leave();
    await stage.stop();
  };
  return {
    run: async () => {
      const parts = [
        stage.run(),
        group.run((partitions) => stage.own(partitions)),
        repeatedly(LOOK_MS, () => watch.look([stage.status()])),
        repeatedly(settings.adviseMs, advise),
      ];
      for (const part of parts) part.catch(stop);
      const ended = await Promise.allSettled(parts);
      for (const one of ended) if (one.status === 'rejected') throw one.reason;
    },
    stop,
    health: () => {
      const status = stage.status();
      const needed = needs === undefined ? [] : [needs()];
      const isThere = needed.every(({ state }) => state === 'ok');
      const behind = [dependencyOf(status), ...needed, ...archiveDependencies(status)];
      const dependencies = [groupDependency(group.status()), ...behind];
      return { ready: isShared() && status.ready && isThere, dependencies };
    },
    status: () => ({ ...stage.status(), group: group.status() }),
  };
}

function groupDependency({ state, reason }: PartitionGroupStatus): Dependency {
  if (state === 'member') return { name: 'group', state: 'ok' };
  if (reason === undefined) return { name: 'group', state: 'degraded', detail: `It is ${state}.` };
  const detail = `${reason.code}: ${reason.message} ${reason.remedy ?? ''}`.trim();
  return { name: 'group', state: 'down', detail };
}
