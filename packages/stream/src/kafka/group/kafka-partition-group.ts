import {
  createBackoff,
  errorText,
  settlesWithin,
  type Backoff,
  type Clock,
  type Log,
} from '@millrace/runtime';
import { assignPartitions, withholdOwned } from '../../group/assign-partitions.ts';
import { HeldPartitions } from '../../group/held-partitions.ts';
import { misuse } from '../../stream-error.ts';
import type { OnAssigned, PartitionGroup, PartitionGroupStatus } from '../../partition-group.ts';
import { logLevel } from 'kafkajs';
import { groupAnswerOf, groupUnavailable } from './group-errors.ts';
import { GroupCoordinator, type JoinedGroup } from './group-coordinator.ts';
import { quietIdleLoop } from '../client/idle-loop-patch.ts';
import { kafkaLogCreator } from '../client/kafka-log.ts';
import { createLogger, type KafkajsLogger } from '../client/kafkajs-internals.ts';
import type { KafkaPartitionGroupSettings } from './kafka-group-settings.ts';
import type { KafkaConnection } from '../client/kafka-settings.ts';

/** A coordinator that comes back gives its members one session to be heard of: with time to spare. */
const RETRIES_PER_SESSION = 4;
const RETRY_MS_MIN = 100;

/**
 * A member of a Kafka consumer group that only assigns: nothing is ever fetched through it.
 *
 * Members keep what they have through a round of the group; the one that leads gives out what
 * moves only once its owner has let go of it (as Kafka's cooperative protocol does), so one round
 * takes away and a second one gives.
 */
export function openKafkaPartitionGroup(
  components: Readonly<KafkaPartitionGroupComponents>,
  settings: KafkaPartitionGroupSettings,
): PartitionGroup {
  return new KafkaPartitionGroup(components, settings);
}

interface KafkaPartitionGroupComponents {
  connection: KafkaConnection;
  clock: Clock;
  log: Log;
}

class KafkaPartitionGroup implements PartitionGroup {
  readonly #components: Readonly<KafkaPartitionGroupComponents>;
  readonly #settings: KafkaPartitionGroupSettings;
  readonly #backoff: Backoff;
  readonly #logger: KafkajsLogger;
  #held: HeldPartitions | undefined;
  #running: Promise<void> | undefined;
  #state: PartitionGroupStatus['state'] = 'joining';
  #reason: PartitionGroupStatus['reason'];
  #coordinator: GroupCoordinator | undefined;
  /** The round this member is in; undefined: it has to join one. */
  #round: JoinedGroup | undefined;
  /** Kept from round to round, so that the group knows this member again. */
  #memberId = '';
  /** Of the last round, also after that was lost: claims of older rounds count less. */
  #generation = 0;
  /** What this member had when it joined the round: others do not get that in it. */
  #claimed: readonly number[] = [];
  #isLeaving = false;
  #failure: { error: unknown } | undefined;
  /** Ends the membership. */
  readonly #ending = new AbortController();
  /** Ends the pause until the next heartbeat. */
  #wake: () => void = () => undefined;
  /** Ends `run` although something is still under way. */
  #giveUp: () => void = () => undefined;
  #left: Promise<void> | undefined;

  constructor(
    components: Readonly<KafkaPartitionGroupComponents>,
    settings: KafkaPartitionGroupSettings,
  ) {
    this.#components = components;
    this.#settings = settings;
    quietIdleLoop();
    this.#logger = createLogger({
      level: logLevel.WARN,
      logCreator: kafkaLogCreator(components.log),
    });
    const delayMsMax = Math.max(RETRY_MS_MIN, settings.sessionMs / RETRIES_PER_SESSION);
    this.#backoff = createBackoff(
      { clock: components.clock },
      { delayMsMin: RETRY_MS_MIN, delayMsMax },
    );
  }

  run(onAssigned: OnAssigned): Promise<void> {
    if (this.#running !== undefined) throw misuse('A member of a group was run twice.');
    const { clock, log } = this.#components;
    const { letGoMsMax } = this.#settings;
    this.#held = new HeldPartitions({
      clock,
      letGoMsMax,
      onAssigned: async (partitions) => {
        log.info({ group: this.#settings.groupId, partitions }, 'Partitions assigned.');
        await onAssigned(partitions);
      },
      onReleased: () => this.#wake(),
      onTooLate: (partitions) =>
        log.warn({ partitions, letGoMsMax }, 'Partitions are given away before they are let go.'),
      onFailed: (error) => {
        this.#failure ??= { error };
        void this.leave();
      },
    });
    this.#running = this.#run();
    return this.#running;
  }

  status(): PartitionGroupStatus {
    const partitions = this.#held?.assigned ?? [];
    const reason = this.#reason;
    return { state: this.#state, partitions, ...(reason === undefined ? {} : { reason }) };
  }

  async leave(): Promise<void> {
    this.#left ??= this.#leave();
    await this.#left;
  }

  async advise(positions: ReadonlyMap<number, number>): Promise<void> {
    const { log } = this.#components;
    const round = this.#round;
    const coordinator = this.#coordinator;
    const isMember = this.#state === 'member' && !this.#isLeaving;
    if (!isMember || round === undefined || coordinator === undefined) return;
    try {
      await coordinator.commit(round, positions);
    } catch (error) {
      if (groupAnswerOf(error) === undefined) throw error;
      log.debug({ error: errorText(error) }, 'The group was not told how far its partitions are.');
    }
  }

  async #run(): Promise<void> {
    const givenUp = new Promise<void>((resolve) => {
      this.#giveUp = resolve;
    });
    await Promise.race([this.#stay(), givenUp]);
    this.#state = 'left';
    this.#reason = undefined;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #stay(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      try {
        await this.#belong();
      } catch (error) {
        await this.#afterFailure(error);
      }
    }
    await this.#depart();
  }

  /** Joins unless it is in a round already, and stays in that until there is a reason to join anew. */
  async #belong(): Promise<void> {
    if (this.#isLeaving && this.#round === undefined) {
      await this.#pause(this.#settings.heartbeatMs);
      return;
    }
    const coordinator = await this.#found();
    if (this.#ending.signal.aborted) return;
    const round = this.#round ?? (await this.#join(coordinator));
    this.#state = 'member';
    this.#reason = undefined;
    while (!this.#hasToRejoin()) {
      this.#backoff.reset();
      await this.#pause(this.#settings.heartbeatMs);
      if (this.#ending.signal.aborted) return;
      // The round goes on over another connection.
      if (!coordinator.isUsable) return;
      await coordinator.heartbeat(round);
    }
    this.#round = undefined;
  }

  async #found(): Promise<GroupCoordinator> {
    const { connection } = this.#components;
    const { sessionMs } = this.#settings;
    // A broker that is only starting must not be waited for until the session is over.
    const attemptMs = sessionMs / RETRIES_PER_SESSION;
    const connectMs = Math.min(this.#settings.connectMs, attemptMs);
    const requestMs = Math.min(this.#settings.requestMs, attemptMs);
    const link = { connection, logger: this.#logger, connectMs };
    const bounds = { rebalanceMs: sessionMs, requestMs };
    if (this.#coordinator?.isUsable === false) this.#close();
    this.#coordinator ??= await GroupCoordinator.find(link, { ...this.#settings, ...bounds });
    return this.#coordinator;
  }

  async #join(coordinator: GroupCoordinator): Promise<JoinedGroup> {
    if (this.#state !== 'away') this.#state = 'joining';
    const { assigned: owned = [], leaving = [] } = this.#held ?? {};
    const claim = { owned, leaving, generation: this.#generation };
    this.#claimed = [...owned, ...leaving];
    const joined = await coordinator.join(this.#memberId, claim, (memberId) => {
      this.#memberId = memberId;
    });
    this.#memberId = joined.memberId;
    const { members = [] } = joined;
    const wanted = assignPartitions(members, this.#settings.partitions);
    const mine = await coordinator.sync(joined, withholdOwned(wanted, members));
    this.#round = joined;
    this.#generation = joined.generation;
    // Not waited for: who does not say that it is there is thought to be gone.
    if (!this.#isLeaving) void this.#held?.assign(mine);
    return joined;
  }

  /** Something that was claimed is let go, and others wait to hear of it. */
  #hasToRejoin(): boolean {
    if (this.#isLeaving) return false;
    const { assigned = [], leaving = [] } = this.#held ?? {};
    return this.#claimed.some((p) => !assigned.includes(p) && !leaving.includes(p));
  }

  async #afterFailure(error: unknown): Promise<void> {
    const answer = groupAnswerOf(error);
    if (answer === undefined) {
      this.#failure ??= { error };
      this.#round = undefined;
      // The loop ends by it, and must not be waited for in here.
      void this.leave();
      return;
    }
    // Whatever it is, it has been left, or the connection was given up for that.
    if (this.#ending.signal.aborted) return;
    if (answer === 'rebalancing') {
      // A member that leaves has nothing to say in a new round, but its time is not over.
      if (this.#isLeaving) await this.#pause(this.#settings.heartbeatMs);
      else this.#round = undefined;
      return;
    }
    if (answer === 'lost') await this.#lose(error);
    else await this.#waitFor(error, answer);
  }

  /** Others may have what it had: it lets go of that, and begins anew. */
  async #lose(error: unknown): Promise<void> {
    const { log } = this.#components;
    const { groupId: group } = this.#settings;
    const wasMember = this.#round !== undefined;
    log.warn({ group, error: errorText(error) }, 'The group went on without this process.');
    this.#round = undefined;
    this.#memberId = '';
    void this.#held?.assign([]);
    if (this.#isLeaving) this.#ending.abort();
    // Lost before it had it: whatever is wrong must not make it spin.
    if (!wasMember) await this.#backoff.wait(this.#ending.signal).catch(() => undefined);
  }

  async #waitFor(error: unknown, answer: 'away' | 'refused'): Promise<void> {
    const { log } = this.#components;
    const { groupId: group } = this.#settings;
    const unavailable = groupUnavailable(group, answer, error);
    const { code, message, remedy } = unavailable;
    const fields = { group, code, means: message, remedy };
    if (this.#reason?.code !== code)
      log.warn(fields, 'The group cannot be had; it is tried again.');
    this.#state = 'away';
    this.#reason = { code, message, remedy };
    if (answer === 'refused') this.#round = undefined;
    this.#close();
    await this.#backoff.wait(this.#ending.signal).catch(() => undefined);
  }

  async #leave(): Promise<void> {
    const { leaveMsMax } = this.#settings;
    this.#isLeaving = true;
    if (this.#running === undefined) {
      this.#state = 'left';
      this.#ending.abort();
      return;
    }
    await this.#held?.assign([]);
    this.#ending.abort();
    this.#wake();
    const { clock } = this.#components;
    const over = this.#running.catch(() => undefined);
    // A round that does not begin, or a broker that does not answer, is not waited for: the group
    // is told over another connection.
    if (await settlesWithin(clock, leaveMsMax / 2, over)) return;
    this.#close();
    if (await settlesWithin(clock, leaveMsMax / 2, over)) return;
    this.#giveUp();
    await over;
  }

  /** Tells the group, so that it need not wait for the end of the session. */
  async #depart(): Promise<void> {
    const { log } = this.#components;
    const { groupId: group } = this.#settings;
    if (this.#memberId === '') return;
    // Nobody who could be told, as it seems: that must not hold up the end.
    if (this.#state === 'away' && this.#coordinator === undefined) return;
    try {
      const coordinator = await this.#found();
      await coordinator.leave(this.#memberId);
    } catch (error) {
      if (groupAnswerOf(error) === undefined) throw error;
      log.info({ group, error: errorText(error) }, 'The group will notice that we have left.');
    } finally {
      this.#close();
    }
  }

  #close(): void {
    this.#coordinator?.close();
    this.#coordinator = undefined;
  }

  /** Resolves after a while, or when it is woken. */
  async #pause(ms: number): Promise<void> {
    const over = new AbortController();
    this.#wake = () => over.abort();
    // What happened just before needs no wake-up.
    if (this.#ending.signal.aborted || this.#hasToRejoin()) return;
    await this.#components.clock.sleep(ms, over.signal).catch(() => undefined);
  }
}
